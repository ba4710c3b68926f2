/** What stands after the plus in the address that answers to one of our messages come to; the mail service writes it. */
const NAME_OF_MESSAGE = /\+[a-z2-7]{39}(?=@[^@]+$)/i;

/** The account's address as people know it, without the name of the message that was answered. */
export function shownAddress(email: string): string {
  return email.replace(NAME_OF_MESSAGE, "");
}
