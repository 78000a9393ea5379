"""Stock phrases of web pages in ten languages: what a line says that belongs to the page around a text, not to it.

Each phrase of LINES is a whole line. The other tables hold how lines begin. All are in lower case.
"""

import re

TRAILING = " \t\n.:!…»>→›▾▼0123456789()"  # marks and numbers behind a phrase
LINES = frozenset(
    line
    for lines in (
        "weiterlesen|mehr lesen|mehr erfahren|mehr anzeigen|anzeige|werbung|teilen|drucken|kommentare|kommentieren",
        "nach oben|zum inhalt springen|zum seitenanfang|jetzt abonnieren|abonnieren|anmelden|artikel teilen",
        "lire la suite|lire plus|en savoir plus|voir plus|publicité|partager|imprimer|commentaires|retour en haut",
        "s'abonner|se connecter|aller au contenu|lire aussi|partager sur facebook|partager sur twitter",
        "leer más|seguir leyendo|ver más|publicidad|compartir|imprimir|comentarios|volver arriba|suscribirse",
        "iniciar sesión|ir al contenido|compartir en facebook|compartir en twitter",
        "leggi tutto|leggi di più|continua a leggere|mostra altro|pubblicità|condividi|stampa|commenti|torna su",
        "leia mais|continue lendo|publicidade|compartilhar|partilhar|comentários|voltar ao topo|ir para o conteúdo",
        "lees meer|lees verder|meer lezen|toon meer|advertentie|delen|afdrukken|reacties|terug naar boven|inloggen",
        "читать далее|читать дальше|подробнее|показать ещё|реклама|поделиться|комментарии|наверх|подписаться|войти",
        "続きを読む|もっと見る|もっと読む|広告|スポンサーリンク|シェア|シェアする|ツイート|コメント|トップへ戻る|ログイン",
        "阅读全文|阅读更多|查看更多|展开全文|更多|广告|分享|打印|评论|返回顶部|登录|閱讀全文|廣告|留言",
    )
    for line in lines.split("|")
)
STOCK = re.compile(
    r"(?i)(?:continue reading|read (?:more|the full \w+|full \w+|next|also)|more|advertisement|ad"
    r"|sponsored(?: content)?|share(?: this)?(?: \w+)?|share on \w+|tweet|print|email|subscribe(?: now)?|sign up|log in"
    r"|loading|skip to \w+|back to top|show more|see more|view (?:all|more)|click here|comments?"
    r"|leave a (?:comment|reply)|no comments|related(?: \w+)?|you may also like|recommended(?: \w+)?"
    r"|\d+ min(?:ute)?s? read|(?:reading time|lesezeit|temps de lecture|tiempo de lectura|tempo de leitura"
    r"|tempo di lettura|leestijd|время чтения)\W+\d+ \w+)[\s.:!…»>→\d]*"
)
SEE_ALSO = re.compile(
    r"(?i)see also|siehe auch|voir aussi|véase también|voci correlate|ver também|zie ook|см\. также|関連項目|参见|參見"
)
LAST_HEADING = re.compile(  # what stands below it is about other pages, or written by readers
    r"(?i)(?:(?:related|recommended|more (?:(?:\w+ ){0,2}(?:stories|articles|posts|recipes|videos)|from|on|in)"
    r"|you (?:may|might) (?:also )?like|comments?|leave a|\d+ comments?|responses|share|subscribe|newsletter"
    r"|about the author|popular|trending|latest|most read|read next|see also|tags|categories|advertis"
    r"|ähnliche|weitere (?:artikel|beiträge|meldungen|themen|nachrichten|rezepte)|mehr (?:zum thema|zu|aus|von|über)"
    r"|das könnte|auch interessant|schon gelesen|lesen sie auch|kommentare|schlagwörter|kategorien|über den autor"
    r"|articles? (?:similaires|liés|connexes|récents)|à lire aussi|lire aussi|sur le même (?:sujet|thème)|commentaires"
    r"|catégories|mots-clés|à propos de l.auteur|les plus lus|meistgelesen"
    r"|(?:artículos|noticias|entradas|temas|artigos|notícias|posts) relacionad[oa]s|te puede interesar"
    r"|también te puede|l?e[ae] también|comentarios|etiquetas|categorías|sobre el autor|(?:lo|los) más leído"
    r"|articoli correlati|leggi anche|potrebbe(?:ro)? interessarti|commenti|categorie|più letti"
    r"|leia (?:também|mais)|veja também|comentários|categorias|mais lidas|sobre o autor"
    r"|gerelateerd|lees ook|meer over|reacties|categorieën|meest gelezen|over de auteur"
    r"|читайте также|похожие|по теме|ещё по теме|комментари[ийя]|метки|рубрики|популярн\w+|смотрите также"
    r")\b|関連(?:記事|リンク|ニュース)|おすすめ|コメント|タグ|カテゴリ|人気記事|最新記事|あわせて読みたい"
    r"|相关(?:文章|阅读|新闻|推荐)|相關(?:文章|新聞)|推荐阅读|评论|标签|分类|热门|猜你喜欢|留言).{0,40}"
)
TEASER = re.compile(
    r"(?i)[\[(]?(?:(?:read|see|view|learn|find out) (?:more|also|next)\s*:|also (?:read|see)\b|related\s*:|watch\s*:"
    r"|don.t miss\b|source\s*:)"
)
TEASERS = (  # how lines begin that lead to other pages
    *("lesen sie auch", "lies auch", "mehr zum thema", "mehr dazu", "auch interessant", "schon gelesen"),
    *("lire aussi", "à lire aussi", "à lire :", "lea también", "lee también", "te puede interesar", "leggi anche"),
    *("leia também", "leia mais", "veja também", "lees ook", "lees verder", "читайте также", "смотрите также"),
    *("関連記事", "あわせて読みたい", "相关阅读", "相关文章", "推荐阅读", "tags:", "filed under", "posted in"),
)
CALL = re.compile(
    r"(?i)[\[(]?(?:click here\b|(?:follow|like) (?!these|this|along)[^.,]{2,40} on (?:twitter|facebook|instagram|x)\b"
    r"|(?:like|enjoy) this \w+\?"
    r"|(?:get|sign up|subscribe).{0,60}\b(?:newsletters?|inbox)\b|(?:subscribe|sign up) (?:to|for) "
    r"|share (?:this|it) (?:with|on)\b)"
)
CALLS = (  # how lines begin that tell readers what to do
    *("folgen sie uns", "folge uns auf", "abonnieren sie ", "suivez-nous", "abonnez-vous", "inscrivez-vous à"),
    *("síguenos en", "síganos en", "suscríbete a", "suscríbase a", "seguici su", "iscriviti alla", "siga-nos"),
    *("inscreva-se", "volg ons op", "schrijf je in voor", "подписывайтесь", "подпишитесь на", "关注我们"),
)


def is_stock_phrase(text: str) -> bool:
    """Returns True if a line is a stock phrase such as READ MORE."""
    return text.rstrip(TRAILING).lower() in LINES or STOCK.fullmatch(text) is not None


def is_call(text: str) -> bool:
    """Returns True if a line tells readers to follow, to subscribe or to share."""
    return CALL.match(text) is not None or text.lower().startswith(CALLS)


def names_other_page(text: str) -> bool:
    """Returns True if a line begins as lines do that lead to another page."""
    return TEASER.match(text) is not None or text.lower().startswith(TEASERS)
