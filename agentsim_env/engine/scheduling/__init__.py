"""Who joins the batch and who leaves it (`schedule_turn`, `preempt_turn`)."""
