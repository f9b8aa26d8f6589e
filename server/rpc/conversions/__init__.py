"""Generated messages to and from handlers.messages. Requests are valid when they come here."""
