"""What a condition means before it meets a customer: types, names, and every mistake."""
