from tests.workers.models.tiny_models import tiny_models

__all__ = ["tiny_models"]
