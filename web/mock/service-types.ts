import type { ServiceType } from "../src/api/types";
import { DEPARTMENTS, uuid } from "./data.ts";

const choice = (number: number, name: string) => ({ id: uuid(8, 900_000 + number), name });

export const FIELDS = {
  order: uuid(8, 800_001),
  reason: uuid(8, 800_002),
  refund: uuid(8, 800_003),
  refunded: uuid(8, 800_004),
  on: uuid(8, 800_005),
};

export const SERVICE_TYPES: ServiceType[] = [
  {
    id: uuid(8, 700_001),
    etag: "v1",
    name: "Troca e devolução",
    departmentIds: [DEPARTMENTS.atendimento.id],
    active: true,
    fields: [
      { id: FIELDS.order, name: "Número do pedido", kind: "TEXT", mandatory: true, choices: [] },
      {
        id: FIELDS.reason,
        name: "Motivo",
        kind: "CHOICE",
        mandatory: true,
        choices: [choice(1, "Produto com defeito"), choice(2, "Arrependimento"), choice(3, "Entrega errada")],
      },
      { id: FIELDS.refund, name: "Valor a devolver (R$)", kind: "NUMBER", mandatory: false, choices: [] },
      { id: FIELDS.refunded, name: "Já foi devolvido?", kind: "YES_NO", mandatory: false, choices: [] },
      { id: FIELDS.on, name: "Data da coleta", kind: "DATE", mandatory: false, choices: [] },
    ],
  },
  {
    id: uuid(8, 700_002),
    etag: "v1",
    name: "Dúvida",
    departmentIds: [],
    active: true,
    fields: [],
  },
];
