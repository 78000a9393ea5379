"""Lists of hosts by kind, of link shorteners, and of file extensions."""

# A recipe names the kinds of hosts that it leaves out. They hold no article to read (pictures, films, social feeds), or
# they are what a published corpus left out. A host stands for its sub-domains too.
# fmt: off
KINDS: dict[str, tuple[str, ...]] = {
    "wikipedia": ("wikipedia.org",),
    "media": (
        "i.redd.it", "v.redd.it", "preview.redd.it", "reddituploads.com", "redditmedia.com", "redditstatic.com",
        "imgur.com", "gfycat.com", "giphy.com", "tenor.com", "flickr.com", "flic.kr", "staticflickr.com", "minus.com",
        "min.us", "photobucket.com", "tinypic.com", "imageshack.us", "imageshack.com", "imgflip.com", "quickmeme.com",
        "qkme.me", "memecrunch.com", "memegenerator.net", "livememe.com", "makeameme.org", "postimg.org", "postimg.cc",
        "ibb.co", "imgbb.com", "twitpic.com", "yfrog.com", "deviantart.net", "fav.me", "gifsoup.com", "gifsound.com",
        "gifyoutube.com", "streamable.com", "pinimg.com", "prntscr.com", "500px.com", "puu.sh", "gyazo.com", "sli.mg",
        "magaimg.net", "mediacru.sh", "picsarus.com", "fbcdn.net", "twimg.com", "cdninstagram.com", "media.tumblr.com",
        "upload.wikimedia.org", "bp.blogspot.com", "files.wordpress.com", "youtube.com", "youtu.be", "vimeo.com",
        "dailymotion.com", "liveleak.com", "vid.me", "vine.co", "coub.com", "twitch.tv", "ustream.tv", "livestream.com",
        "metacafe.com", "break.com", "bitchute.com", "rumble.com", "odysee.com", "hulu.com", "netflix.com",
        "youtubedoubler.com", "worldstarhiphop.com", "cloud.steampowered.com", "cloud-2.steampowered.com",
        "steamusercontent.com", "radioreddit.com", "soundcloud.com", "spotify.com", "bandcamp.com", "mixcloud.com",
        "grooveshark.com", "clyp.it", "vocaroo.com", "itunes.apple.com", "music.apple.com",
    ),
    "social": (
        "facebook.com", "fb.com", "twitter.com", "x.com", "instagram.com", "instagr.am", "tiktok.com", "vk.com",
        "snapchat.com", "pinterest.com", "linkedin.com", "plus.google.com", "myspace.com", "ask.fm", "threads.net",
        "discord.com", "discord.gg", "discordapp.com", "t.me", "whatsapp.com", "omegle.com",
    ),
    "adult": (
        "pornhub.com", "xvideos.com", "xhamster.com", "redtube.com", "youporn.com", "xnxx.com", "tube8.com", "xxx",
        "spankbang.com", "spankwire.com", "redgifs.com", "chaturbate.com", "onlyfans.com", "motherless.com",
        "imagefap.com", "sex.com", "eporner.com", "beeg.com", "brazzers.com", "youjizz.com", "xtube.com", "vidble.com",
        "keezmovies.com", "erome.com", "livejasmin.com", "myfreecams.com", "literotica.com", "fetlife.com", "e621.net",
        "gelbooru.com", "nhentai.net", "e-hentai.org", "fakku.net", "donmai.us", "derpibooru.org",
    ),
    "files": (
        "mediafire.com", "mega.nz", "mega.co.nz", "rapidshare.com", "megaupload.com", "dropbox.com", "zippyshare.com",
        "4shared.com", "drive.google.com", "sendspace.com", "depositfiles.com", "hotfile.com", "we.tl",
        "dropboxusercontent.com", "thepiratebay.org", "thepiratebay.se", "1337x.to",
    ),
    # jcpeterson/openwebtext, url_utils.py
    "openwebtext": (
        "imgur.com", "redd.it", "gfycat.com", "giphy.com", "reddituploads.com", "redditmedia.com", "twimg.com",
        "sli.mg", "magaimg.net", "flickr.com", "imgflip.com", "youtube.com", "youtu.be", "youtubedoubler.com",
        "vimeo.com", "twitch.tv", "streamable.com", "bandcamp.com", "soundcloud.com", "video.google.com",
        "instagram.com", "deviantart.com", "itunes.apple.com", "pornhub.com", "pinterest.com", "erome.com", "flic.kr",
        "reddit.com", "gyazo.com", "github.com", "xkcd.com", "twitter.com", "spotify.com", "facebook.com",
        "gunprime.com", "strawpoll.me", "voyagefusion.com", "rollingstone.com", "google.com", "timeanddate.com",
        "walmart.com", "roanoke.com", "spotrac.com", "discord.gg", "ebay.com", "hotdealstar.com", "edealinfo.com",
        "aapks.com", "dlapkandroid.org", "wikipedia.org", "battleforthenet.com",
    ),
    # EleutherAI/openwebtext2, scraping/filter.py
    "openwebtext2": (
        "imgur.com", "redd.it", "instagram.com", "discord.gg", "gfycat.com", "giphy.com", "reddituploads.com",
        "redditmedia.com", "twimg.com", "sli.mg", "magaimg.net", "flickr.com", "imgflip.com", "youtube.com", "youtu.be",
        "youtubedoubler.com", "vimeo.com", "twitch.tv", "streamable.com", "bandcamp.com", "soundcloud.com",
        "reddit.com", "gyazo.com", "github.com", "xkcd.com", "twitter.com", "spotify.com", "itunes.apple.com",
        "facebook.com", "gunprime.com", "strawpoll.me", "voyagefusion.com", "rollingstone.com", "google.com",
        "timeanddate.com", "walmart.com", "roanoke.com", "spotrac.com", "wikipedia.org", "battleforthenet.com",
    ),
}

# Hosts that only lead on to other addresses.
SHORTENERS = frozenset((
    "t.co", "bit.ly", "j.mp", "goo.gl", "tinyurl.com", "ow.ly", "is.gd", "v.gd", "buff.ly", "fb.me", "dlvr.it",
    "ift.tt", "tiny.cc", "lnkd.in", "su.pr", "cli.gs", "tr.im", "adf.ly", "bc.vc", "db.tt", "trib.al", "wp.me",
    "amzn.to", "nyti.ms", "wapo.st", "cnn.it", "bbc.in", "reut.rs", "on.wsj.com", "econ.st", "gu.com", "huff.to",
    "tcrn.ch", "onforb.es", "bloom.bg", "read.bi", "politi.co", "n.pr", "apne.ws", "yhoo.it", "shar.es", "aje.me",
    "shorturl.at", "cutt.ly", "rebrand.ly", "soo.gd", "clck.ru", "po.st", "mcaf.ee", "ln.is", "flip.it", "hubs.ly",
    "feedproxy.google.com", "1.usa.gov", "youtu.be",
))

# Extensions that never hold a text page, matched on the path alone (openwebtext's list, regrouped).
MEDIA_EXTENSIONS = (
    ".7z", ".aac", ".apk", ".avi", ".bin", ".bmp", ".bz2", ".css", ".deb", ".dmg", ".doc", ".docx", ".eps", ".exe",
    ".flac", ".flv", ".gif", ".gifv", ".gz", ".ico", ".iso", ".jar", ".jpeg", ".jpg", ".js", ".json", ".m4a", ".m4v",
    ".mid", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".msi", ".ogg", ".otf", ".pdf", ".png", ".ppt", ".pptx",
    ".ps", ".psd", ".rar", ".rm", ".rpm", ".rss", ".svg", ".swf", ".tar", ".tgz", ".tif", ".tiff", ".torrent", ".ttf",
    ".wav", ".webm", ".webp", ".wma", ".wmv", ".woff", ".woff2", ".xls", ".xlsx", ".xml", ".xz", ".zip",
)
# fmt: on
