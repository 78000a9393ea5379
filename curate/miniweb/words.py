"""The words of page furniture, in the four languages of the mini-web."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The words of menus, banners, boxes and forms; `menu` also names the sections of breadcrumbs."""

    menu: tuple[str, ...]
    search: str
    cookies: str
    accept: str
    settings: str
    related: str
    newsletter: str
    pitch: str
    subscribe: str
    share: str
    comments: str
    send: str
    by: str
    minutes: str
    legal: tuple[str, ...]
    rights: str
    missing: str


WORDS = {
    "en": Words(
        ("Home", "Latest", "Archive", "About", "Contact"),
        "Search",
        "We use cookies to remember your settings and to count visits.",
        "Accept all",
        "Manage preferences",
        "You may also like",
        "Newsletter",
        "One letter a month, no advertising.",
        "Sign up",
        "Share",
        "Leave a reply",
        "Post comment",
        "By",
        "min read",
        ("Privacy", "Terms", "Accessibility"),
        "All rights reserved.",
        "Page not found",
    ),
    "de": Words(
        ("Startseite", "Lokales", "Kultur", "Sport", "Anzeigen"),
        "Suche",
        "Wir verwenden Cookies, um Ihnen unser Angebot besser zeigen zu können.",
        "Alle akzeptieren",
        "Einstellungen",
        "Mehr zum Thema",
        "Newsletter",
        "Jeden Freitag das Wichtigste aus der Region.",
        "Anmelden",
        "Teilen",
        "Kommentar schreiben",
        "Abschicken",
        "Von",
        "Min. Lesezeit",
        ("Impressum", "Datenschutz", "AGB"),
        "Alle Rechte vorbehalten.",
        "Seite nicht gefunden",
    ),
    "fr": Words(
        ("Accueil", "Recettes", "Portraits", "Le port", "Contact"),
        "Rechercher",
        "Nous utilisons des cookies pour mesurer l’audience de ce site.",
        "Tout accepter",
        "Personnaliser",
        "À lire aussi",
        "La lettre du port",
        "Une fois par mois, une recette et une histoire.",
        "Je m’abonne",
        "Partager",
        "Laisser un commentaire",
        "Envoyer",
        "Par",
        "min de lecture",
        ("Mentions légales", "Confidentialité", "Plan du site"),
        "Tous droits réservés.",
        "Page introuvable",
    ),
    "es": Words(
        ("Inicio", "Barrio", "Cultura", "Oficios", "Contacto"),
        "Buscar",
        "Usamos cookies propias para mejorar su visita.",
        "Aceptar todo",
        "Configurar",
        "También le puede interesar",
        "Boletín",
        "Las noticias del barrio, cada domingo.",
        "Suscribirse",
        "Compartir",
        "Deja un comentario",
        "Enviar",
        "Por",
        "min de lectura",
        ("Aviso legal", "Privacidad", "Mapa del sitio"),
        "Todos los derechos reservados.",
        "Página no encontrada",
    ),
}
