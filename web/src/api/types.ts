import type { components, operations } from "./schema";

type Schemas = components["schemas"];

export type Actor = Schemas["Actor"];
export type Attachment = Schemas["Attachment"];
export type Await = Schemas["AwaitInput"];
export type Awaiting = Schemas["Awaiting"];
export type Change = Schemas["Change"];
export type Classification = Schemas["ClassificationInput"];
export type Counts = Schemas["CountTicketsResponse"];
export type Delivery = Schemas["Delivery"];
export type DepartmentCount = Schemas["DepartmentCount"];
export type Field = Schemas["Field"];
export type FieldValue = Schemas["FieldValue"];
export type Interaction = Schemas["Interaction"];
export type MailAddress = Schemas["MailAddress"];
export type Me = Schemas["Me"];
export type Message = Schemas["Message"];
export type Platform = Schemas["Platform"];
export type Problem = Schemas["Problem"];
export type Reference = Schemas["Reference"];
export type ReplyOptions = Schemas["ReplyOptions"];
export type ReplyRequest = Schemas["ReplyToTicketRequest"];
export type ServiceType = Schemas["ServiceType"];
export type StatusCount = Schemas["StatusCount"];
export type Ticket = Schemas["Ticket"];
export type TicketEvent = Schemas["TicketEvent"];
export type TicketLink = Schemas["TicketLink"];
export type TicketPage = Schemas["ListTicketsResponse"];
export type TicketPriority = Schemas["TicketPriority"];
export type TicketStatus = Schemas["TicketStatus"];
export type ListTicketsQuery = NonNullable<operations["listTickets"]["parameters"]["query"]>;
export type StatusFilter = NonNullable<ListTicketsQuery["status"]>[number];
/** What an attendant may set a ticket to, by hand or by sending. */
export type SettableStatus = Extract<TicketStatus, "OPEN" | "PENDING" | "RESOLVED" | "CLOSED">;
