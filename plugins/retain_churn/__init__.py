"""The churn integration."""
