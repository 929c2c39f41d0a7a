// Common English words, by how they are inflected: the material of the stand-in vocabulary, no linguistics.

const list = (text: string): string[] => text.trim().split(/\s+/);

/** Words that are used as they are. */
export const plainWords = list(`
the of and to in a is was for as on with by he that at from his it an were are which be this had also or has one
their first its new after but who they have her she two been other when there all during into time more may only
most over some would between where up out about can through than no made while so if them these such many any now
before well both because however then since known being under several three him what later second four five six
seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million billion half quarter double
am do does did done doing will shall should could might must not never ever always often sometimes usually already
almost again against along among around away back behind below beside beyond down above across off onto toward
towards until upon via within without despite per like unlike near next here everywhere nowhere somewhere anywhere
how why whose whom each every either neither none nobody nothing something everything anything someone everyone
anyone somebody everybody i you we me us my your our mine yours ours theirs himself herself itself themselves myself
yourself ourselves too very much more less least few fewer little lot lots enough quite rather really just even
still yet soon today tomorrow yesterday tonight once twice perhaps maybe indeed instead therefore thus hence
otherwise although though whereas whether unless yes okay ok please thanks hello hi oh ah well sure not
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
september october november december spring summer autumn winter north south east west northern southern eastern
western central america american england english britain british france french germany german italy italian spain
spanish russia russian china chinese japan japanese india indian canada canadian australia australian africa african
europe european asia asian mexico brazil london paris berlin rome tokyo moscow york washington california texas
chicago boston john james robert michael william david richard thomas charles george mary elizabeth anna maria
peter paul mark daniel joseph henry edward alice bob jack louis martin smith johnson brown jones miller davis
men women children people feet teeth mice police series species data media news physics mathematics politics
economics went gone came ran saw seen took taken gave given got gotten found thought knew known told said left felt
kept held brought wrote written stood heard meant met paid sat spoke spoken led grew grown lost fell fallen sent
built understood drew drawn broke broken spent cut rose risen drove driven bought wore worn chose chosen began begun
became sold sang sung flew flown caught taught fought slept won lay laid swam drank drunk ate eaten forgot forgotten
hid hidden shook stole threw thrown woke bit better best worse worst further farther elder eldest
covid internet email website online offline software hardware wifi app apps laptop smartphone cpu gpu api http https
www com org html json url sql linux windows android google amazon microsoft apple facebook python java javascript
typescript ai ml neural tensor onnx inference latency throughput gpu cloud serverless openwhisk kubernetes docker
don t s ll ve re d m isn aren wasn weren doesn didn won wouldn couldn shouldn hasn haven hadn can
mr mrs ms dr prof st vs etc e g ie eg inc ltd co corp usa uk eu un nasa bbc tv dvd pm am bc ad km kg cm mm mph
`);

/** Regular verbs and verbs whose -s and -ing forms are regular. */
export const verbs = list(`
accept accuse achieve act adapt add adjust admire admit adopt advance advise afford agree aim allow amount analyse
announce answer appear apply appoint approach approve argue arrange arrest arrive ask assess assign assist assume
attach attack attempt attend attract avoid bake balance base bear beat become beg begin behave believe belong bend
blame block blow boil book borrow bounce bowl brake break breathe bring broadcast build burn buy call calculate
calm camp cancel capture care carry cast catch cause celebrate change charge chase chat check cheer choose claim
clean clear climb close coach collect combine come comfort comment commit communicate compare compete complain
complete compose compute concern conclude conduct confirm connect consider consist construct consult contain
continue contribute control convert convince cook copy correct cost count cover crack crash crawl create cross cry
cut cycle dance deal debate decide declare decline decorate defeat defend define deliver demand deny depend deploy
describe deserve design desire destroy detect determine develop die differ dig disappear discover discuss divide
download draft drag draw dream dress drink drive drop dry earn eat edit educate elect employ enable encourage end
engage enjoy ensure enter escape establish estimate evaluate examine exceed exchange excite execute exercise exist
expand expect experience explain explode explore export express extend face fail fall fasten fear feed feel fetch
fight fill film find finish fire fish fit fix flash float flood flow fly focus fold follow force forecast forget
forgive form found freeze gain gather generate get give glow go govern grab grant greet grow guard guess guide
handle hang happen harm hate head heal hear heat help hide hire hit hold hope host hug hunt hurry hurt identify
ignore imagine improve include increase indicate influence inform injure insist inspire install intend introduce
invent invest invite involve iron join joke judge jump keep kick kill kiss knit knock know label land last laugh
launch lead lean leap learn leave lend let lie lift light limit link list listen live load lock look lose love
lower mail maintain make manage march mark marry match matter mean measure melt mention merge mind miss mix model
monitor move multiply name need neglect notice number obey object observe obtain occupy occur offer open operate
order organise organize own pack paint park participate pass pause pay perform permit persuade phone pick place
plan plant play point post pour practise practice praise pray predict prefer prepare present preserve press pretend
prevent print process produce programme promise promote propose protect prove provide publish pull pump punish
purchase push put qualify question queue race rain raise range reach react read realise realize receive recognise
recognize recommend record recover reduce refer reflect refuse regard regret reject relate relax release rely
remain remember remind remove rent repair repeat replace reply report represent request require rescue research
reserve resist resolve respond rest restore result retire return reveal review ride ring rise roll rub rule run
rush sail save scale say schedule score scream search see seek seem select sell send separate serve set settle
shake shape share shine shoot shop shout show shut sign simulate sing sink sit skate ski sleep slide slip slow
smell smile smoke sneeze solve sort sound speak spell spend spin split spread stand stare start state stay steal
step stick stop store stretch strike struggle study submit succeed suffer suggest suit supply support suppose
surprise surround survive suspect swim swing switch take talk target taste teach tear tell test thank think throw
tie touch tour trade train transfer transform translate travel treat trust try turn twist type understand update
upload urge use value vary visit vote wait wake walk want warn wash waste watch water wave wear weigh welcome win
wish wonder work worry wrap write yell zoom
`);

/** Nouns with a regular plural. */
export const nouns = list(`
ability access accident account action activity actor address adult advantage adventure age agency agent agreement
air airport album alphabet angle animal apartment apple architect area argument arm army art article artist aspect
atmosphere atom audience aunt author authority baby bag ball banana band bank bar barrel basket bath battery battle
beach bean bed bee beer bell bench benefit bicycle bike bill biology bird birth birthday block board boat body bomb
bone border boss bottle bottom box boy brain branch brand bread breakfast bridge brother budget bug building bus
bush business butter button cable cake camera campaign candidate candle cap capital captain car carbon card career
carpet case castle cat category cause cell centre center century ceremony chain chair challenge champion chance
channel chapter character chemical chemistry cheese chest chicken child chip choice church circle circuit citizen
city class cliff client climate clock cloth cloud club coal coast coat code coffee coin cold collection college
color colour column comedy committee community company computer concept concert condition conference conflict
congress connection consequence constant container content contest context contract corner council country county
couple course court cousin cow cream crew crime crisis critic crop crowd crown culture cup curtain curve customer
dad damage danger daughter day deal death decade decision deck deer degree democracy department depth desert desk
detail device diet difference dinner direction director disease dish distance district doctor document dog dollar
door doubt dozen driver drug duck dust duty ear earth edge education effect effort egg election electron element
elephant emergency emotion empire employee enemy energy engine engineer entrance environment episode equipment era
error essay evening event evidence exam example exception exit expert explanation eye fact factor factory failure
faith fame family fan farm farmer fashion father fault favor favour feature fee fellow fence festival field figure
file finger flag flame flat flavour flight floor flour flower folder food foot football forest fork formula fortune
fox frame freedom friend front fruit fuel function fund furniture future galaxy gallery game gap garage garden gas
gate gene general generation genre gentleman girl glass glove goal goat god gold golf government grade grain
grandfather grandmother grass gravity ground group guest guitar gun guy habit hair hall hand harbour hat health
heart heaven height hero highway hill history hobby hole holiday home honey honor honour horse hospital hotel hour
house human husband ice idea image impact incident income index industry information insect inside instance
instruction instrument interest interview iron island issue item jacket job journal journey joy judgement juice
jungle jury justice key kid kilometer king kingdom kitchen knee knife knowledge laboratory lack lady lake lamp
landscape language lane law lawyer layer leader leaf league leg lemon length lesson letter level library license
life line lion lip liquid literature location log lord loss luck lunch machine magazine magic mail majority man
manager manner map market marriage mass master material matrix meal meaning meat medal medicine meeting member
memory message metal meter method metre middle midnight mile military milk mind mine minister minority minute
mirror mission mistake mode moment money monkey month mood moon morning mother motion motor mountain mouse mouth
movement movie murder muscle museum music musician mystery nation nature neck neighbor neighbour network night
noise nose note novel nurse ocean office officer oil onion opera operation opinion option orange orchestra
organisation organization origin outcome output oven owner oxygen page pain painter pair palace pan paper parent
parliament part particle partner party passenger past path patient pattern peace pen pencil penny percent
performance period person perspective philosophy phone photo photograph phrase piano picture piece pig pilot pipe
pizza planet plate platform player poem poet poetry policy pollution pool population port position possibility
potato pound power presence president pressure price priest prince princess principle prison prisoner prize
problem product profession professor profit program project property protein province purpose quality quantity
queen rabbit radio railway rate ratio reader reality reason recipe reference region relation relationship religion
republic resource response restaurant revolution rice risk river road robot rock role roof room root rope rose
route row sailor salad salary sale salt sample sand sauce scene school science scientist screen sea season seat
secret secretary section sector security seed sense sentence sequence server service session shadow sheep sheet
shelf shell ship shirt shock shoe shore shoulder side signal silence silver singer sir sister site situation size
skill skin skirt sky slave smoke snake snow society sock soil soldier solution son song soul soup source space
speaker speech speed sport spot square stadium staff stage stair standard star statement station statue status
steam steel stomach stone storm story stranger strategy stream street strength stress string structure student
studio style subject success sugar sun surface surgery survey symbol symptom system table tail task tax tea
teacher team technique technology telephone television temperature temple tendency tennis term territory text
theater theatre theme theory thing threat throat ticket tiger time tip title tobacco toe tomato tone tongue tool
tooth topic tournament tower town toy track tradition traffic tragedy trail tree trend trial tribe trip troop truck
truth tube tunnel uncle union unit universe university user vacation valley variety vegetable vehicle version
victim victory video view village violence virus vision voice volume war warehouse waste wave way wealth weapon
weather web week weight wheel wife wind window wine wing winner wire wolf woman wood word worker world writer yard
year youth zebra zone
`);

/** Adjectives; adverbs and nouns are made of them. */
export const adjectives = list(`
able absolute abstract active actual acute afraid alive alone amazing ancient angry annual anxious apparent attractive
automatic available average aware bad basic beautiful big bitter black blind blue bold bored boring brave brief
bright brilliant broad broken brown busy careful careless cheap chief civil classic clever comfortable common
complex concrete confident conscious constant cool correct crazy creative critical cruel curious current cute
dangerous dark dead deaf dear deep delicate delicious dense different difficult digital direct dirty distant
distinct domestic double dramatic eager early easy economic educational effective efficient elastic electric
electronic elegant empty enormous entire equal essential evil exact excellent exciting expensive external extra
extreme fair false famous fancy far fast fat federal female fierce final financial fine firm flexible foolish
foreign formal former fortunate free frequent fresh friendly full funny general generous gentle genuine giant glad
global golden good grand grateful great green grey guilty happy hard harsh healthy heavy helpful high historic
historical holy honest horrible hot huge human hungry ideal idle ill illegal immediate important impossible impressive
independent individual industrial initial inner innocent intelligent intense internal international joint junior
keen key kind large late lazy legal light likely limited linear local logical lonely long loose loud lovely low
loyal lucky mad magic magnetic main major male massive mature medical mental mild military minor mobile modern
modest moral multiple musical mutual mysterious narrow nasty national native natural neat necessary negative
nervous nice noble noisy normal nuclear obvious odd official old open opposite optional oral orange ordinary
original outer oval overall painful pale parallel particular patient perfect permanent personal physical pink plain
pleasant polite political poor popular positive possible powerful practical precise pregnant present pretty previous
primary prime prior private probable professional proper proud public pure purple quick quiet random rapid rare raw
ready real recent red regional regular related relevant reliable religious remote responsible rich ridiculous right
rigid rotten rough round royal rude rural sad safe scientific secondary secret secure senior sensitive separate
serious severe sexual shallow sharp short sick significant silent silly silver similar simple single slight slow
small smart smooth social soft solar solid sorry special specific standard steady steep stiff still straight strange
strict strong stupid subject subtle successful sudden sufficient suitable super superior sweet swift tall technical
temporary terrible thick thin thirsty tight tiny tired total tough toxic traditional tragic tropical true typical
ugly ultimate unable uncertain uniform unique united universal unknown unusual upper upset urban urgent useful
useless usual valid valuable various vast verbal vertical violent virtual visible visual vital vivid warm weak
wealthy weird wet white whole wicked wide wild willing wise wonderful wooden wrong yellow young
`);
