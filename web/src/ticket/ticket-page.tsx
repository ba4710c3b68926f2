export function TicketPage() {
  return <main id="content" />;
}
