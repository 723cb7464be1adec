"""The composition root: a project read from its folder, the engine built from it, and what people ask of both."""
