"""Cost checks: what a call costs against retraining."""
