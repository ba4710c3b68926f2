import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

/** Petrol, the product's own colour: dark enough for white text from shade 6 on. */
const petrol: MantineColorsTuple = [
  "#e8f5f6",
  "#d3e9eb",
  "#a6d3d8",
  "#75bcc5",
  "#4fa9b4",
  "#2f8d9a",
  "#157482",
  "#0e5f6d",
  "#0c4d59",
  "#0b3a44",
];

/** The dark theme's greys, leaning towards petrol as its surfaces do. */
const dark: MantineColorsTuple = [
  "#e8edee",
  "#b6c1c5",
  "#95a2a7",
  "#6c797e",
  "#3e4b50",
  "#2a3539",
  "#1d262a",
  "#182023",
  "#101517",
  "#0b1012",
];

const FONT = '"Geist Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export const theme = createTheme({
  colors: { petrol, dark },
  primaryColor: "petrol",
  primaryShade: { light: 7, dark: 6 },
  fontFamily: FONT,
  headings: { fontFamily: FONT, fontWeight: "620" },
  defaultRadius: "md",
  radius: { xs: "3px", sm: "5px", md: "8px", lg: "12px", xl: "18px" },
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true, fz: "xs" } },
    // 24 px: what a finger needs at least (WCAG 2.5.8).
    Radio: { defaultProps: { size: "md" }, styles: { label: { fontSize: "14px" }, description: { fontSize: "13px" } } },
    Button: { styles: { label: { fontWeight: 560 } } },
  },
});

/** Mantine's own surfaces in our colours, so that menus and drawers belong to the page. */
export const cssVariables: CSSVariablesResolver = () => {
  const shared = {
    "--mantine-color-body": "var(--surface)",
    "--mantine-color-text": "var(--ink)",
    "--mantine-color-dimmed": "var(--ink-3)",
    "--mantine-color-placeholder": "var(--ink-3)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--hover)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-default-color": "var(--ink)",
    "--mantine-color-error": "var(--danger)",
    "--mantine-color-anchor": "var(--accent-ink)",
  };
  return { variables: {}, light: shared, dark: shared };
};
