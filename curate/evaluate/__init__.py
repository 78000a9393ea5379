"""In-context evaluation of a model: tasks, prompts with demonstrations, and scores."""
