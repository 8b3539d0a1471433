"""The controller's database: the only SQL. One module for each subject, with its tables and the functions on them."""
