"""What the demo's customers write. They reach Guichê as any mail does: by SMTP."""

import smtplib
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid


@dataclass(frozen=True)
class Letter:
    to: str
    name: str
    email: str
    subject: str
    text: str
    # Names of files to attach, made up on the spot.
    files: tuple[str, ...] = ()
    # Also as HTML, with a table and a picture within the text.
    rich: bool = False


SERVICE = "atendimento@demo.guiche"
CONTACT = "contato@demo.guiche"
TECHNICAL = "suporte@demo.guiche"
FINANCE = "financeiro@demo.guiche"

LETTERS = (
    Letter(
        SERVICE,
        "Mariana Teixeira",
        "mariana.teixeira@exemplo.com.br",
        "Pedido 48213 não chegou",
        "Bom dia,\n\nmeu pedido 48213 deveria ter sido entregue na sexta-feira e até agora nada. O rastreio está parado em "
        "Cajamar desde o dia 12.\n\nPodem verificar, por favor? É um presente de aniversário.\n\nObrigada,\nMariana",
    ),
    Letter(
        FINANCE,
        "Construtora Horizonte",
        "contas@horizonte.exemplo.com.br",
        "Boleto com valor divergente – NF 10.482",
        "Prezados,\n\no boleto recebido está em R$ 4.812,00, mas a nota fiscal 10.482 é de R$ 4.182,00. Segue o boleto em "
        "anexo.\n\nSolicitamos a emissão de um novo com vencimento para o dia 30.\n\nAtt.,\nDepartamento financeiro",
        files=("boleto-10482.pdf",),
    ),
    Letter(
        SERVICE,
        "João Pedro Nogueira",
        "jp.nogueira@exemplo.com",
        "Produto veio com a tela trincada",
        "Olá, comprei um monitor de 27 polegadas e ele chegou hoje com a tela trincada. Tirei fotos ainda na frente do "
        "entregador.\n\nQuero a troca, não o reembolso.\n\nJoão Pedro\n(31) 99999-0101",
        files=("tela-trincada.png", "caixa.png"),
        rich=True,
    ),
    Letter(
        TECHNICAL,
        "Sueli Ramos",
        "sueli.ramos@exemplo.com.br",
        "Não consigo entrar no aplicativo depois da atualização",
        "Boa tarde!\n\nDesde a atualização de ontem o aplicativo fecha sozinho quando digito a senha. Já reinstalei duas "
        "vezes. Meu celular é um Android 14.\n\nSueli Ramos",
    ),
    Letter(
        SERVICE,
        "Antônio Carvalho",
        "antonio.carvalho@exemplo.com",
        "Cancelamento da assinatura",
        "Quero cancelar minha assinatura anual. Pelo Código de Defesa do Consumidor tenho sete dias para desistir e assinei "
        "há três.\n\nAguardo a confirmação por escrito.\n\nAntônio",
    ),
    Letter(
        FINANCE,
        "Beatriz Lemos",
        "bia.lemos@exemplo.com",
        "Segunda via da nota fiscal",
        "Oi, preciso da segunda via da nota fiscal da compra de 3 de fevereiro, no CPF do meu marido.\n\nBeijos,\nBia",
    ),
    Letter(
        SERVICE,
        "Luísa Amaral",
        "luisa@ateliedaluisa.exemplo.com.br",
        "Elogio ao entregador",
        "Só queria dizer que o entregador de hoje, o Cícero, foi muito atencioso: subiu quatro andares de escada porque o "
        "elevador estava quebrado. Parabéns!",
    ),
    Letter(
        SERVICE,
        "",
        "sac-reclamacao@exemplo.com",
        "RES: RES: ENC: Protocolo em atraso",
        "Continuo sem retorno.\n\nEm qui., 5 de mar. de 2026 às 10:12, Atendimento <atendimento@demo.guiche> escreveu:\n> "
        "Recebemos a sua solicitação.\n> Em breve entraremos em contato.",
    ),
    Letter(
        TECHNICAL,
        "Rafael Quintela",
        "rafael@quintela.exemplo.dev",
        "API retorna 500 ao consultar pedidos",
        "Pessoal,\n\na consulta de pedidos da API devolve 500 desde as 14h, só para pedidos com mais de 20 itens. Log em "
        "anexo.\n\nRafael",
        files=("consulta.log",),
    ),
    Letter(
        FINANCE,
        "Padaria Trigo Bom",
        "padaria@trigobom.exemplo.com.br",
        "Pagamento em duplicidade no cartão",
        "Boa noite, a fatura veio com a mesma cobrança de R$ 219,90 duas vezes (dias 2 e 3). Como recebo o estorno?",
    ),
    Letter(
        SERVICE,
        "Helena Prado",
        "helena.prado@exemplo.com",
        "Dúvida sobre prazo de troca 🎁",
        "Olá!\n\nComprei um vestido para minha irmã e não serviu. Qual é o prazo para troca de presente? Ainda está com "
        "etiqueta 😊\n\nHelena",
        rich=True,
    ),
    Letter(
        SERVICE,
        "Otávio Farias",
        "otavio.farias@exemplo.com.br",
        "URGENTE: geladeira parou com remédios dentro",
        "Minha geladeira, comprada há dois meses, parou ontem à noite. Guardo insulina nela. Preciso de um técnico HOJE.\n\n"
        "Rua das Acácias, 120 – Campinas/SP\nOtávio",
    ),
)

SAMPLE = Letter(
    SERVICE,
    "Cliente de Teste",
    "cliente.teste@exemplo.com.br",
    "Chegou a hora de testar o Guichê",
    "Olá!\n\nEste e-mail foi enviado por SMTP e deve aparecer na fila sem recarregar a página.\n\nAté já!",
    files=("comprovante.png",),
    rich=True,
)


def send(letter: Letter, smtp_port: int) -> None:
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=30) as smtp:
        smtp.send_message(message(letter), letter.email, [letter.to])


def message(letter: Letter) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(letter.name, addr_spec=letter.email)
    mail["To"] = letter.to
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain="exemplo.com.br")
    mail.set_content(letter.text)
    if letter.rich:
        add_html(mail, letter.text)
    for name in letter.files:
        content, kind = made_up_file(name)
        maintype, subtype = kind.split("/")
        mail.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return mail


def add_html(mail: EmailMessage, text: str) -> None:
    image = make_msgid(domain="exemplo.com.br")
    lines = "".join(f"<p>{line}</p>" for line in text.split("\n") if line)
    table = "<table><tr><th>Pedido</th><td>48.213</td></tr><tr><th>Loja</th><td>Campinas</td></tr></table>"
    mail.add_alternative(f"<html><body>{lines}{table}<img src='cid:{image[1:-1]}' alt='Foto'></body></html>", "html")
    html = mail.get_body(("html",))
    assert html is not None
    html.add_related(png(120, 80, (34, 139, 130)), "image", "png", cid=image)


def made_up_file(name: str) -> tuple[bytes, str]:
    if name.endswith(".png"):
        return png(320, 200, (200, 90, 60)), "image/png"
    if name.endswith(".pdf"):
        return pdf("Boleto de demonstracao"), "application/pdf"
    return b"14:02:11 GET /pedidos?cliente=77 500 erro interno\n" * 20, "text/plain"


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A picture that shades from a colour to white."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(
        b"\0" + bytes(value + (255 - value) * y // height for value in colour) * width for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pdf(line: str) -> bytes:
    """One page with one line; viewers rebuild the missing cross-reference table."""
    stream = f"BT /F1 24 Tf 72 760 Td ({line}) Tj ET".encode("latin-1")
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 "
        + font
        + b">>>>>>endobj\n"
        b"4 0 obj<</Length " + str(len(stream)).encode() + b">>stream\n" + stream + b"\nendstream endobj\n"
        b"trailer<</Root 1 0 R>>\n%%EOF\n"
    )
