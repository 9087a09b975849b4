"""Foreign shapes of a method, made into an Unlearner; this runs in the method's own process."""
