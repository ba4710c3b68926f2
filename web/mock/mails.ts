/** Bodies as the mail service delivers them: cleaned, remote images waiting in data-remote-src, inner images as cid:. */
const PIXELS =
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFElEQVR4nGNkSD3DwMDAxAADCBYAFcMBFlWw2dYAAAAASUVORK5CYII=";
export const LOGO_PNG = Uint8Array.from(atob(PIXELS), (character) => character.charCodeAt(0));

export function mailBody(number: number, name: string, text: string): string {
  if (number % 4 === 3) return "";
  return `
    <p>Boa tarde,</p>
    <p>${text}</p>
    <p>Comprei no dia <b>12 de novembro</b> e o prazo informado era de cinco dias úteis. Abaixo, o resumo:</p>
    <table style="border-collapse:collapse" border="1" cellpadding="6">
      <tr style="background-color:#eef3f4"><th align="left">Item</th><th align="right">Qtd.</th><th align="right">Valor</th></tr>
      <tr><td>Suporte articulado para TV 55″</td><td align="right">1</td><td align="right">R$ 189,90</td></tr>
      <tr><td>Cabo HDMI 2.1, 2 metros</td><td align="right">2</td><td align="right">R$ 79,80</td></tr>
    </table>
    <p>O comprovante está <a href="https://exemplo.com.br/pedidos/884213">nesta página do pedido</a>. Fotos em anexo.</p>
    <p><img data-remote-src="https://imagens.exemplo.com.br/assinatura.png" alt="assinatura" width="180" height="40"></p>
    <p>Atenciosamente,<br><span style="color:#0e5f6d"><b>${name}</b></span></p>
    <p><img src="cid:logo@aurora" alt="Lojas Aurora" width="96" height="32"></p>
    <blockquote>Em 18 de nov. de 2026, Lojas Aurora escreveu:<br>Seu pedido saiu para entrega.</blockquote>`;
}

/** What must never come through the cleaning; the frame has to hold even if it did. */
export const HOSTILE = `
  <p id="readable">Texto legível</p>
  <script>parent.postMessage("reached", "*"); parent.document.title = "reached"; parent.reached = 1;</script>
  <img src="x" onerror="parent.reached = 2; parent.document.body.innerHTML = 'reached'">
  <svg onload="parent.reached = 3"></svg>
  <iframe srcdoc="<script>top.reached = 4</script>"></iframe>
  <meta http-equiv="refresh" content="0;url=https://attacker.example/">
  <base href="https://attacker.example/">
  <link rel="stylesheet" href="https://attacker.example/a.css">
  <style>body { background: url(https://attacker.example/b.png) }</style>
  <form action="https://attacker.example/" target="_top"><button id="submit">Enviar</button></form>
  <a id="script-link" href="javascript:parent.reached=5" target="_self">clique</a>
  <a id="top-link" href="https://attacker.example/" target="_top">sair</a>
  <img src="https://attacker.example/track.png">`;
