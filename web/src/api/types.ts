import type { components, operations } from "./schema";

type Schemas = components["schemas"];

export type Actor = Schemas["Actor"];
export type Attachment = Schemas["Attachment"];
export type Change = Schemas["Change"];
export type Counts = Schemas["CountTicketsResponse"];
export type DepartmentCount = Schemas["DepartmentCount"];
export type Interaction = Schemas["Interaction"];
export type MailAddress = Schemas["MailAddress"];
export type Me = Schemas["Me"];
export type Message = Schemas["Message"];
export type Platform = Schemas["Platform"];
export type Problem = Schemas["Problem"];
export type Reference = Schemas["Reference"];
export type StatusCount = Schemas["StatusCount"];
export type Ticket = Schemas["Ticket"];
export type TicketEvent = Schemas["TicketEvent"];
export type TicketPage = Schemas["ListTicketsResponse"];
export type TicketPriority = Schemas["TicketPriority"];
export type TicketStatus = Schemas["TicketStatus"];
export type ListTicketsQuery = NonNullable<operations["listTickets"]["parameters"]["query"]>;
export type StatusFilter = NonNullable<ListTicketsQuery["status"]>[number];
