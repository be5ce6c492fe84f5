"""What the images run beside the product: ``healthcheck`` and ``make_bucket``. Both are small and have tests."""
