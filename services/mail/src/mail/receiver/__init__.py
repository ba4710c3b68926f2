"""The SMTP and LMTP receiver: mail is taken in, made durable, and only then acknowledged."""
