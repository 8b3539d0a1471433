"""The dashboard as the controller serves it: one page, its files, what it needs to know of the model, and the documents."""
