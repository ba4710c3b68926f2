import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { ptBR } from "./pt-BR";

/** Every catalogue has the same texts; a missing one does not compile. */
export type Catalogue = typeof ptBR;
export type Language = "pt-BR" | "en";

const STORED = "guiche.language";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: Catalogue };
  }
}

function storedLanguage(): Language {
  return localStorage.getItem(STORED) === "en" ? "en" : "pt-BR";
}

export function setLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
  void i18next.changeLanguage(language);
}

i18next.on("languageChanged", (language) => {
  document.documentElement.lang = language;
});

void i18next.use(initReactI18next).init({
  lng: storedLanguage(),
  fallbackLng: "pt-BR",
  resources: { "pt-BR": { translation: ptBR }, en: { translation: en } },
  // React escapes what it renders; escaping twice would show &amp; to the attendant.
  interpolation: { escapeValue: false },
  initAsync: false,
});

export { i18next };
