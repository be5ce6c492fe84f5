"""Fine-tuning jobs: what a customer asks for, and the rules by which a job moves."""
