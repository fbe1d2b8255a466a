"""What convert chooses, plans, forecasts and spools."""
