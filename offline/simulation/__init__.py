"""A store whose users' tastes are known: it makes histories, answers lists, and can say how good any list truly was."""
