"""Who may do what through the controller: people, how they prove who they are, their roles."""
