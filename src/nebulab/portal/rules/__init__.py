"""Who may do what with an application and an access: rules on the database alone, without web and without Galaxy."""
