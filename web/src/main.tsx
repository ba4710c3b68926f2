import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@fontsource-variable/geist/wght.css";
import "./theme/tokens.css";
import "./theme/global.css";
import "./i18n";
import { createRoot } from "react-dom/client";
import { App } from "./app";

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
