"""Turn foreign shapes of a method into an ``Unlearner``, in the method's own process."""
