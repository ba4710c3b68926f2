import type {
  Attachment,
  Interaction,
  Me,
  Message,
  Platform,
  Reference,
  Ticket,
  TicketPriority,
  TicketStatus,
} from "../src/api/types";
import { LOGO_PNG, mailBody } from "./mails.ts";

/** Invented customers and mails for looking at the pages and for tests. Nothing here is shipped. */
export const uuid = (kind: number, number: number): string =>
  `0198a000-000${kind}-7000-8000-${String(number).padStart(12, "0")}`;

export const reference = (kind: number, number: number, name: string): Reference => ({ id: uuid(kind, number), name });

export const DEPARTMENTS = {
  atendimento: reference(1, 1, "Atendimento"),
  financeiro: reference(1, 2, "Financeiro"),
  logistica: reference(1, 3, "Logística e entregas"),
};

export const LEVELS = {
  n1: { level: reference(2, 1, "N1"), department: DEPARTMENTS.atendimento },
  n2: { level: reference(2, 2, "N2"), department: DEPARTMENTS.atendimento },
  finance: { level: reference(2, 3, "Administrativo"), department: DEPARTMENTS.financeiro },
  delivery: { level: reference(2, 4, "Rastreamento"), department: DEPARTMENTS.logistica },
};
type LevelKey = keyof typeof LEVELS;

export const ATTENDANTS = {
  ana: reference(3, 1, "Ana Ribeiro"),
  bruno: reference(3, 2, "Bruno Tavares"),
  carla: reference(3, 3, "Carla Nogueira"),
  davi: reference(3, 4, "Davi Moura"),
  fabio: reference(3, 5, "Fábio Siqueira"),
};
export type Username = keyof typeof ATTENDANTS;

const MEMBERSHIPS: Record<Username, LevelKey[]> = {
  ana: ["n1", "delivery"],
  bruno: ["n1"],
  carla: [],
  davi: ["finance"],
  fabio: ["n1", "n2", "finance"],
};

/** Of Atendimento. */
export function isSupervisor(username: Username): boolean {
  return username === "carla";
}

export function levelsOf(username: Username): LevelKey[] {
  return isSupervisor(username) ? ["n1", "n2"] : MEMBERSHIPS[username];
}

export function meOf(username: Username): Me {
  const project = reference(4, 1, "SAC Varejo");
  const departments = Object.values(DEPARTMENTS)
    .map((department) => ({
      department,
      levels: MEMBERSHIPS[username]
        .filter((key) => LEVELS[key].department.id === department.id)
        .map((key) => LEVELS[key].level),
      project,
    }))
    .filter(
      ({ department, levels }) =>
        levels.length > 0 || (isSupervisor(username) && department.id === DEPARTMENTS.atendimento.id),
    );
  return {
    attendant: ATTENDANTS[username],
    username,
    email: `${username}@demo.guiche`,
    organizations: [reference(5, 1, "Lojas Aurora")],
    projects: [project],
    departments,
    roles: isSupervisor(username) ? [{ role: "SUPERVISOR", departmentId: DEPARTMENTS.atendimento.id }] : [],
  };
}

const CUSTOMERS = [
  "Marina Albuquerque",
  "Josué Pereira dos Santos",
  "Tatiane Kobayashi",
  "Luís Otávio Farias",
  "Condomínio Edifício Jequitibá",
  "Renata Guimarães",
  "Pedro Henrique Sá",
  "Ivone Bittencourt",
  "Cláudio Roberto Menezes",
  "Yasmin Haddad",
  "Marcenaria São Judas",
  "Antônia de Lourdes",
  "Gustavo Prado",
  "Eliane Fontoura",
  "Rafael Nakamura",
];

const SUBJECTS: [string, string][] = [
  [
    "Pedido 884213 chegou com a caixa violada",
    "Boa tarde. Recebi hoje o pedido 884213 e a embalagem veio aberta, faltando o suporte de parede da TV.",
  ],
  [
    "Segunda via do boleto de novembro",
    "Olá, não recebi o boleto deste mês e o vencimento é amanhã. Podem enviar a segunda via?",
  ],
  [
    "Reembolso ainda não caiu na conta",
    "Faz doze dias que devolvi o liquidificador e o estorno não apareceu na fatura.",
  ],
  [
    "Troca de tamanho: tênis 38 por 39",
    "O tênis é lindo, mas ficou apertado. Gostaria de trocar pelo 39, na mesma cor se houver.",
  ],
  [
    "Entrega agendada e ninguém apareceu",
    "Tirei a manhã de folga para receber a geladeira e o entregador não veio nem ligou.",
  ],
  [
    "Nota fiscal com CNPJ errado",
    "A nota 55.120 saiu com o CNPJ da filial. Precisamos da correção até sexta para fechar o mês.",
  ],
  [
    "Não consigo entrar no aplicativo",
    "Depois da atualização o aplicativo pede o código por SMS e a mensagem nunca chega.",
  ],
  ["Cobrança em duplicidade no cartão", "A compra de R$ 349,90 aparece duas vezes na fatura do dia 18."],
  ["Montagem do guarda-roupa ficou pela metade", "O montador saiu dizendo que faltavam peças e não voltou mais."],
  ["Garantia da máquina de lavar", "A máquina tem oito meses de uso e parou de centrifugar. Como aciono a garantia?"],
  ["Elogio à atendente Tereza", "Só queria registrar que fui muito bem atendida na loja do centro."],
  ["Cancelamento de compra feita por engano", "Meu filho fechou o pedido sem querer. Podem cancelar antes do envio?"],
];

const STATUSES: TicketStatus[] = [
  "OPEN",
  "OPEN",
  "OPEN",
  "CREATED",
  "STARTED",
  "OPEN",
  "PENDING",
  "ANSWERED",
  "OPEN",
  "TRANSFERRED",
  "STARTED",
  "RESOLVED",
  "OPEN",
  "APPROVAL",
];
const PRIORITIES: TicketPriority[] = ["MEDIUM", "HIGH", "MEDIUM", "LOW", "MEDIUM_HIGH", "MEDIUM", "MEDIUM_LOW"];
const PLATFORMS: Platform[] = ["EMAIL", "EMAIL", "EMAIL", "FORM", "EMAIL", "INSTAGRAM", "EMAIL", "TELEPHONE"];
const PLACES: LevelKey[] = ["n1", "n1", "n1", "delivery", "n1", "n2", "finance"];
const HOLDERS: Username[] = ["ana", "ana", "bruno"];

function pick<T>(values: readonly T[], index: number): T {
  const value = values[index % values.length];
  if (value === undefined) throw new Error("empty list");
  return value;
}

export interface StoredTicket {
  ticket: Ticket;
  level: LevelKey;
  messages: Message[];
  history: Interaction[];
}

export interface Seed {
  number: number;
  minutesAgo: number;
  level?: LevelKey;
  status?: TicketStatus;
  holder?: Username | null;
  subject?: string;
  snippet?: string;
  html?: string;
  /** Goes on after the first message; see conversation.ts. */
  conversation?: boolean;
}

const inDays = (days: number, now: number): string => new Date(now + days * 86_400_000).toISOString();

const HELD: TicketStatus[] = ["STARTED", "PENDING", "ANSWERED", "APPROVAL", "RESOLVED"];

export function makeTicket(seed: Seed, now = Date.now()): StoredTicket {
  const { number } = seed;
  const openedAt = new Date(now - seed.minutesAgo * 60_000);
  const [subject, snippet] = pick(SUBJECTS, number);
  const levelKey = seed.level ?? pick(PLACES, number);
  const status = seed.status ?? pick(STATUSES, number);
  const holderName = seed.holder === undefined ? (HELD.includes(status) ? pick(HOLDERS, number) : null) : seed.holder;
  const ticket: Ticket = {
    id: uuid(6, number),
    etag: "1",
    protocol: openedAt.toISOString().replace(/\D/g, "").slice(0, 17),
    subject: seed.subject ?? subject,
    snippet: seed.snippet ?? snippet,
    status,
    priority: pick(PRIORITIES, number),
    platform: pick(PLATFORMS, number),
    department: LEVELS[levelKey].department,
    level: LEVELS[levelKey].level,
    holder: holderName && ATTENDANTS[holderName],
    released: status === "PENDING",
    publisher: reference(7, number % CUSTOMERS.length, pick(CUSTOMERS, number)),
    occurredAt: new Date(openedAt.getTime() - 4_000).toISOString(),
    openedAt: openedAt.toISOString(),
    openedBy: { kind: "CUSTOMER", id: uuid(7, number % CUSTOMERS.length), name: pick(CUSTOMERS, number) },
    lastActivityAt: openedAt.toISOString(),
    interactions: status === "CREATED" ? 0 : (number * 7) % 13,
    allowedVerbs: [],
    awaiting: status === "PENDING" ? { customer: true, until: number % 2 ? null : inDays(3, now) } : null,
    newMessage: status === "STARTED" && number % 3 === 1,
    serviceType: null,
    serviceTypeData: [],
    links: [],
    lastMessageId: uuid(9, number),
  };
  return { ticket, level: levelKey, messages: [makeMessage(ticket, seed)], history: makeHistory(ticket) };
}

export function attachments(number: number): Attachment[] {
  const file = (position: number, fileName: string, contentType: string, size: number, contentId = ""): Attachment => ({
    id: uuid(8, number * 10 + position),
    fileName,
    contentType,
    size: String(size),
    contentId,
    inline: contentId !== "",
  });
  const logo = file(0, "aurora.png", "image/png", LOGO_PNG.length, "logo@aurora");
  return [
    logo,
    file(1, "nota-fiscal-55120.pdf", "application/pdf", 184_320),
    file(2, "embalagem violada.jpg", "image/jpeg", 2_431_004),
    file(3, "itens do pedido.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 18_912),
  ].slice(0, number % 3 === 2 ? 1 : 4);
}

/** What only messages of ours, or of machines, have. */
export const INCOMING = {
  delivery: null,
  author: null,
  joinedBy: "UNSPECIFIED",
  automatic: "UNSPECIFIED",
  newText: "",
  bcc: [],
} satisfies Partial<Message>;

function makeMessage(ticket: Ticket, seed: Seed): Message {
  const name = ticket.publisher?.name ?? "";
  const address = `${name.split(" ")[0]?.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase() ?? "cliente"}@exemplo.com.br`;
  const html = seed.html ?? mailBody(seed.number, name, ticket.snippet);
  return {
    id: uuid(9, seed.number),
    direction: "IN",
    sender: { name, email: address },
    to: [{ name: "Atendimento Aurora", email: "atendimento@demo.guiche" }],
    cc: seed.number % 4 === 0 ? [{ name: "", email: "gerencia@exemplo.com.br" }] : [],
    subject: ticket.subject,
    text: `Boa tarde,\n\n${ticket.snippet}\n\nO comprovante está em https://exemplo.com.br/pedidos/884213 e meu outro\ne-mail é ${address}.\n\n> Em 18 de nov. de 2026, Loja escreveu:\n> Seu pedido saiu para entrega.\n\nAtenciosamente,\n${name}`,
    html,
    attachments: attachments(seed.number),
    receivedAt: ticket.occurredAt,
    date: new Date(Date.parse(ticket.occurredAt ?? "") - 130_000).toISOString(),
    warnings: seed.number % 5 === 1 ? ["RECIPIENTS_TRUNCATED", "UNKNOWN_CHARSET"] : [],
    ...INCOMING,
  };
}

function makeHistory(ticket: Ticket): Interaction[] {
  const entries: Interaction[] = [
    {
      id: uuid(0, 1),
      kind: "OPENED",
      counted: false,
      at: ticket.openedAt,
      actor: ticket.openedBy,
      messageId: ticket.lastMessageId,
      changes: [
        { field: "status", before: null, after: { code: "OPEN", name: "" } },
        {
          field: "department",
          before: null,
          after: { code: ticket.department?.id ?? "", name: ticket.department?.name ?? "" },
        },
        { field: "level", before: null, after: { code: ticket.level?.id ?? "", name: ticket.level?.name ?? "" } },
        { field: "priority", before: null, after: { code: ticket.priority, name: "" } },
      ],
    },
  ];
  if (ticket.holder)
    entries.push(startedEntry(ticket.holder, new Date(Date.parse(ticket.openedAt ?? "") + 540_000).toISOString()));
  return entries;
}

export function startedEntry(holder: Reference, at: string): Interaction {
  return {
    id: uuid(0, Date.parse(at) % 1_000_000),
    kind: "STARTED",
    counted: true,
    at,
    actor: { kind: "ATTENDANT", id: holder.id, name: holder.name },
    messageId: "",
    changes: [
      { field: "status", before: { code: "OPEN", name: "" }, after: { code: "STARTED", name: "" } },
      { field: "holder", before: null, after: { code: holder.id, name: holder.name } },
    ],
  };
}
