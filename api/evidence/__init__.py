"""Evidence: what was attested about a job, to read and to hand on. Made by ``api.issuance``; here it is only served."""
