"""Which data trains better: one model on several datasets at equal tokens, judged on texts that none of them holds."""
