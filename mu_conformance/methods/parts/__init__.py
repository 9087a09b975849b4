"""What several methods share: batches in pairs, distillation. A method's own file is in ``mu_conformance.methods``."""
