"""The grammar of fluent spam: sentences with {alternatives|choices} and $slots, and the wares that fill the slots.

A ware: name, plural | three gains | two kinds of buyer | three parts. A genre: opening, middle and closing sentences.
An indented line goes on with the one above.
"""

GUIDE_WARES = """
mattress, mattresses | sleep through the night, wake without a stiff back, stop tossing and turning | side sleepers,
    hot sleepers | the memory foam core, the quilted cover, the edge support
standing desk, standing desks | work without a sore neck, burn more calories, stay focused all afternoon | remote
    workers, office managers | the dual motor, the bamboo top, the anti-collision sensor
air fryer, air fryers | cook crispy fries without oil, save time on busy weeknights, cut your energy bill | busy
    parents, students | the non-stick basket, the preset menu, the rapid air system
dog harness, dog harnesses | stop your dog from pulling, enjoy relaxed walks, keep your puppy safe | dog owners,
    trainers | the padded chest plate, the reflective stitching, the quick-release buckle
water filter, water filters | drink cleaner water, remove bad smells, stop buying plastic bottles | families,
    tenants | the carbon cartridge, the leak-proof valve, the flow meter
espresso machine, espresso machines | enjoy barista quality coffee, skip the queue at the cafe, impress your guests
    | coffee lovers, beginners | the 15 bar pump, the milk frother, the heated cup tray
robot vacuum, robot vacuums | come home to clean floors, forget about pet hair, win back your weekends | pet owners,
    working couples | the laser mapping, the self-emptying dock, the tangle-free brush
yoga mat, yoga mats | deepen your practice, protect your joints, feel grounded every day | beginners, yoga teachers
    | the non-slip surface, the alignment lines, the natural rubber base
travel backpack, travel backpacks | pack for a week in minutes, breeze through security, keep your laptop safe |
    digital nomads, commuters | the hidden pocket, the charging port, the water-resistant zip
electric toothbrush, electric toothbrushes | get a whiter smile, remove more plaque, make brushing fun | teenagers,
    adults with sensitive gums | the pressure sensor, the sonic motor, the two-minute timer
garden hose, garden hoses | water your lawn in half the time, avoid annoying kinks, store it without effort |
    gardeners, homeowners | the brass fitting, the expandable sleeve, the ten-way nozzle
running shoe, running shoes | run faster with less effort, protect your knees, recover sooner | marathon runners,
    casual joggers | the carbon plate, the breathable mesh, the gel heel
hair straightener, hair straighteners | get salon results at home, tame frizz for good, style your hair in minutes |
    women with thick hair, stylists | the ceramic plates, the floating hinge, the heat shield
baby monitor, baby monitors | relax while your baby sleeps, check in from anywhere, have peace of mind | new
    parents, grandparents | the night vision camera, the two-way audio, the temperature alert
"""
PITCH_WARES = """
table lamp, table lamps | brighten any room, set the perfect mood, add a touch of luxury | lovers of design,
    newlyweds | the linen shade, the hand-finished base, the dimmable bulb
throw blanket, throw blankets | stay cosy all winter, refresh your sofa, treat yourself | movie lovers, college
    students | the chunky knit, the tasselled edge, the silky lining
scented candle, scented candles | unwind after a long day, fill your home with warmth, create lasting memories |
    hosts, spa fans | the soy wax, the cotton wick, the amber glass
floor cushion, floor cushions | create a cosy reading nook, seat extra guests, relax in style | yoga fans, young
    families | the plush filling, the corduroy cover, the hidden zip
ceramic planter, ceramic planters | show off your favourite plants, bring nature indoors, style your shelf | plant
    parents, flat owners | the drainage tray, the matte glaze, the bamboo stand
wall mirror, wall mirrors | make small rooms look bigger, reflect more light, complete your hallway | renters,
    decorators | the brushed brass frame, the shatter-proof glass, the safety bracket
jute rug, jute rugs | tie your living room together, warm up bare floors, hide everyday stains | dog owners, boho
    fans | the reversible weave, the non-slip backing, the braided border
storage basket, storage baskets | declutter in seconds, keep toys out of sight, organise your wardrobe | tidy minds,
    busy mums | the sturdy handles, the washable liner, the woven seagrass
coffee mug, coffee mugs | start every morning right, make someone smile, keep drinks hot for longer | tea addicts,
    office teams | the chip-resistant rim, the double wall, the comfy handle
wall clock, wall clocks | never be late again, make a bold statement, finish your feature wall | minimalists,
    teachers | the silent movement, the oversized numerals, the walnut trim
bath towel, bath towels | enjoy hotel comfort at home, dry off faster, pamper your skin | guests, swimmers | the
    Turkish cotton, the double stitched hem, the hanging loop
picture frame, picture frames | treasure your best moments, build a gallery wall, surprise someone you love | proud
    parents, photographers | the crystal clear glazing, the easel back, the solid oak moulding
"""
SERVICE_WARES = """
personal loan, personal loans | get cash the same day, consolidate your debts, cover emergency bills | people with
    bad credit, self-employed workers | the instant decision, the flexible term, the online form
essay writing service, essay services | get top grades without stress, meet every deadline, free up your weekend |
    college students, MBA candidates | the plagiarism report, the native writer, the unlimited revision policy
SEO package, SEO packages | rank on page one, outsmart your competitors, double your traffic | small business
    owners, startups | the keyword audit, the backlink plan, the monthly report
online casino, online casinos | win big tonight, claim free spins, play live with real dealers | high rollers, new
    players | the welcome bonus, the loyalty ladder, the instant payout
psychic reading, psychic readings | find true love, make the right decision, unlock your destiny | broken hearts,
    seekers | the first free minute, the crystal chat, the money-back promise
trading signal, trading signals | earn passive income, beat the market, quit your day job | beginners, investors |
    the winning algorithm, the VIP channel, the risk calculator
weight loss tea, weight loss teas | burn stubborn fat, flatten your belly, boost your metabolism | busy women,
    snackers | the detox blend, the 28 day plan, the secret root extract
web hosting plan, web hosting plans | launch your site in minutes, load pages faster, scale with confidence |
    bloggers, online stores | the free domain, the daily backup, the uptime guarantee
car insurance quote, car insurance quotes | save hundreds on your premium, compare every provider, drive with peace
    of mind | young drivers, families | the no-claims discount, the breakdown cover, the two-minute form
teeth whitening kit, teeth whitening kits | smile with confidence, remove coffee stains, look years younger |
    brides, wine lovers | the LED tray, the enamel-safe gel, the shade guide
dating site, dating sites | meet singles near you, find your soulmate, flirt in total privacy | divorced singles,
    professionals | the matching test, the video profile, the verified badge
roof repair team, roof repair teams | stop leaks before they spread, protect your property value, avoid costly
    surprises | homeowners, landlords | the free inspection, the lifetime warranty, the storm damage plan
life coach, life coaches | unlock your full potential, attract abundance, reach your goals sooner | ambitious
    leaders, dreamers | the breakthrough call, the accountability app, the success blueprint
"""
GUIDE = (
    """
{Are you looking|Have you been searching|Still hunting} for the {best|perfect|right} $one {in 2026|this year|for
    your home}?
{Choosing|Picking|Buying} {a|your next} $one can be {overwhelming|confusing|a real headache} with so many
    {options|brands|models} on the market.
If you want to $gain, {then investing in|then upgrading to|getting} {a quality|a premium|the right} $one is the
    {smartest|easiest} {move|step} you can make.
{In this ultimate guide|In our in-depth review|In this buying guide}, {we will cover|our experts reveal|we break
    down} everything that $who need to know about $many.
{We tested|Our team compared|We spent weeks reviewing} {more than|over} {twenty|thirty|fifty} $many so that you do
    not have to.
""",
    """
{One of the most important|A key|The number one} {factor|thing|feature} to consider is $part, because it
    {really|truly} helps you to $gain.
{Experts|Reviewers|Customers} {agree|confirm|say} that $part is a {total|real|complete} game changer for $who.
{Not all|Sadly, not all} $many are {created|made} equal, and {cheap|low quality} {models|alternatives} will {cost
    you more|let you down} in the long run.
{Top rated|High end|The best} $many {come|are packed} with {amazing|great|must-have} features such as $part and $part.
{If you are on a budget|If money is tight|For value hunters}, there are {plenty of|many} {affordable|budget
    friendly} $many that still let you $gain.
{Our top pick|Our editor's choice|The winner of our test} {offers|delivers} {unbeatable|outstanding|incredible}
    value for money and is {highly|strongly} recommended for $who.
{Thanks to|With the help of} $part, you will be able to $gain {in no time|from day one|with ease}.
{Recent studies show|Research shows|Surveys suggest} that {four out of five|nine out of ten|most} $who
    {prefer|choose} a $one with this feature.
{Pros|The pros} {include|are} $part and {a generous|an extended} {warranty|return policy}, while the only
    {con|downside} is {limited stock|the price}.
{Do not forget|Remember|Be sure} to check {the warranty|the size chart|verified reviews} before you {buy|order|make
    a decision}.
{Whether you are|No matter if you are} among {the|those} $who or simply want to $gain, there is a $one that
    {fits|matches} your {needs|lifestyle|budget}.
{The price|The average price} of $many {ranges|varies} {widely|a lot}, so {compare|shop around for} the
    {best|latest} deals {online|today}.
{Many|Countless|Thousands of} {shoppers|buyers|readers} {have reported|told us} that they were able to $gain after
    {switching to|ordering} a {better|new} $one.
{Material|Durability|Build quality} is {another|also a} {crucial|key} {aspect|consideration}, and this is where
    $part {shines|stands out|wins}.
{Cleaning|Maintaining|Looking after} your $one is {super easy|simple|a breeze} and takes {only a few|less than five}
    minutes.
""",
    """
{Click|Tap|Follow} the link {below|above} to {check|see} the latest price and {grab|claim|unlock} your
    {exclusive|special} discount.
{We hope|Hopefully} this {guide|review|article} {helped|has helped} you find the {perfect|ideal|right} $one for your
    needs.
{As an affiliate|Please note that}, we may earn a {small|modest} commission {when you buy|if you order} through {our
    links|the links on this page} at no {extra|additional} cost to you.
{Ready|Are you ready} to $gain? {Order|Get} your $one {today|now} and {thank us later|enjoy free delivery}.
{Subscribe|Sign up} {for|to get} more {buying guides|tips|deals} and be the first to know about {flash sales|new
    arrivals}.
""",
)
PITCH = (
    """
{Introducing|Meet|Say hello to} the $one that {everyone is talking about|will transform your home|you have been
    waiting for}.
{Looking|Searching} for the {perfect|ideal} gift for $who? {Look no further|Your search is over} with our
    {best-selling|exclusive|signature} $one.
Give your {home|room} {the upgrade it deserves|a fresh new look|some love} with this {gorgeous|stunning|beautiful}
    $one.
{Designed|Made|Crafted} for $who, our {new|latest|award-winning} $one makes it {easy|effortless} to $gain.
""",
    """
{Thanks to|With} $part, it is {the perfect|an ideal} way to $gain {every single day|all year round|without breaking
    the bank}.
{Featuring|Boasting} $part and $part, it {combines|blends} {timeless|modern} style with {everyday|unbeatable} comfort.
{Our customers|Shoppers|Fans} {love|adore} $part, and we {know|are sure} that you will {love it too|feel the same}.
{Each|Every} $one is {carefully|lovingly} {packed|made} in {a gift-ready|a premium} box, so it is ready to
    {wow|impress} $who.
{Pair|Style|Match} it with {other pieces|the matching items|more favourites} from our collection to {complete the
    look|create a cohesive space}.
{Available|It comes} in {six|four|eight} {on-trend|beautiful|versatile} colours to {suit|match} {any|every}
    {interior|decor|taste}.
{Choose|Pick} from {three|five} sizes and add {free|optional} {gift wrapping|personalisation} at the checkout.
{Easy|Simple} to clean and {built|made} to last, $part {keeps|will keep} looking {brand new|great} for years.
{We use|It is made with} only {responsibly sourced|the finest|premium} materials, so you can $gain with a clear
    conscience.
{Not sure|Undecided}? {Our friendly team is|Our style advisers are} {on hand|available} {by chat|around the clock}
    to help you choose the right $one.
{Hurry|Be quick|Act fast}, because {stock is limited|these $many sell out fast|our sale ends at midnight} and we do
    not want you to miss out.
{Rated|Scored} {five stars|4.9 out of 5} by {hundreds|thousands} of happy {customers|shoppers}, it is the most
    {popular|wanted} $one in our range.
{I bought|I ordered} two of these and they are even {better|more beautiful} than in the {photos|pictures}, says one
    {happy|verified} customer.
""",
    """
{Order|Buy|Shop} {now|today} and {enjoy|get} free {next-day|express} delivery on {all orders|everything} over fifty
    pounds.
{If you are not|Not} completely satisfied, {simply return it|just send it back} within {thirty|sixty|ninety} days
    for a full refund.
{Sign up|Join our mailing list} {today|now} and {save|get} {ten|fifteen|twenty} per cent on your first order of $many.
{Add|Pop} it to your basket {now|today} and be ready to $gain {this season|by the weekend}.
{Pay|Spread the cost} in three {easy|interest-free} instalments with {no hidden fees|nothing extra to pay}.
""",
)
SERVICE = (
    """
{Do you want|Would you like|Are you ready} to $gain {fast|today|without any hassle}?
{Struggling|Tired of struggling|Fed up of trying} to $gain? {You are not alone|We can help|Help is finally here}.
{Welcome to|You have just found} the {number one|most trusted|leading} $one for $who, with {thousands|millions} of
    satisfied {clients|members|users} {worldwide|across the country}.
What if you could $gain {in just a few clicks|from the comfort of your sofa|starting tonight}?
""",
    """
{Our|The} {secret|difference} is $part, which {no competitor|nobody else} can {offer|match}.
{With|Thanks to} $part, {getting started|signing up} is {quick|easy|simple} and {one hundred per
    cent|totally|completely} {secure|confidential|safe}.
{Unlike|In contrast to} other $many, we do not {charge hidden fees|waste your time|ask awkward questions}.
{Thousands|Hundreds} of $who have {already|successfully} used our {platform|system|method} to $gain.
{Simply|Just} {fill in|complete} {the form|a few details} and {one of our experts|a dedicated adviser} will
    {contact|call} you {within minutes|straight away}.
{I was sceptical|I had my doubts} at first, but after {one week|a single session|ten days} I managed to $gain,
    {writes|says} {Karen|Mike|Jenny|Tom} from {Leeds|Ohio|Perth|Kent}.
{We guarantee|You have our promise} that you will $gain or {your money back|you pay nothing}.
{Our|Our professional} {team|specialists} {have|has} more than {ten|fifteen|twenty} years of experience in helping
    $who to $gain.
{Do not let|Never let} {bad luck|past mistakes|expensive rivals} stop you from the {life|results|success} that you
    {deserve|have been dreaming of}.
{Best of all|On top of that}, you will {receive|get} $part {absolutely|completely} free when you {join|sign up}
    {today|this week}.
{Compare|Look at} the {best|top} $many {side by side|online} and {choose|pick} the {deal|offer} that is right for you.
{Here is|This is} why $who {choose|trust|recommend} us: $part, $part and {friendly|24/7} support.
{There is|You will find} {no obligation|no contract|no catch}, and you {can|are free to} cancel at any time.
{As featured|As seen} {on TV|in the press|in leading magazines}, our $one is {trusted|loved} by
    {experts|celebrities} and $who {alike|everywhere}.
{Spaces|Places|Free trials} are {strictly limited|going fast}, so {act now|do not wait} if you really want to $gain.
""",
    """
{Click here|Call our hotline|Start your free trial} {now|today} and {take the first step|see the results for
    yourself|let us do the rest}.
{What are you waiting for|Why wait}? {Join|Register} {now|today} and $gain {before it is too late|like never before}.
{Use|Enter} the code {WIN|SAVE|VIP|LUCKY}{20|50|77|100} {at the checkout|when you register} to {get|claim} your
    {bonus|discount}.
{Terms|Conditions} apply, {results may vary|individual results are not typical}, and this {page|offer} is
    {intended|meant} for {adults|new customers} only.
{Share|Forward} this {page|offer} with {your friends|someone you love} and {earn|receive} a {reward|gift card} for
    each of them.
""",
)
GENRES = {"guide": (GUIDE, GUIDE_WARES), "pitch": (PITCH, PITCH_WARES), "service": (SERVICE, SERVICE_WARES)}
