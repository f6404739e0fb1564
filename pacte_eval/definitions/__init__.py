"""What is declared: typed models of cohorts, studies, publics and territories, read from YAML."""
