//! A driver at work who scans: carries out what [`Scan`] decides.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use caps_client::cli::{self, Failure, HubArgs, Lines, Progress};
use caps_client::{Client, Delivery, Error, Incoming, Options, Resent, State};
use caps_proto::{ClientId, Code, Done, DriverName, Event, OrderRef, Verb};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, OptionFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::input::Input;
use super::{Ask, Scan, Step, What, look, terminal, which_of};
use crate::args::Args;
use crate::say::Say;

/// How long an answer of the hub is waited for before the driver is told that there is none yet.
const SOON: Duration = Duration::from_millis(500);

/// A driver at work.
struct Shift {
    scan: Scan,
    say: Say<Box<dyn Write + Send>>,
    /// Whether there is somebody who hears a bell.
    rings: bool,
    client: Client,
    hub: HubArgs,
    /// The stores to drive for; all if there are none.
    vendors: Vec<ClientId>,
    /// The pickups that the hub is not told about yet.
    held: HashMap<OrderRef, Delivery>,
    under_way: FuturesUnordered<BoxFuture<'static, News>>,
}

/// What became of something that was asked.
enum News {
    Answer(Ask, Result<Done, Error>),
    /// Nothing yet.
    Late(Ask, BoxFuture<'static, Result<Done, Error>>),
}

/// Drives for `name` by what is scanned, until there is no more.
pub(crate) async fn work(args: Args, name: DriverName, mut options: Options) -> anyhow::Result<()> {
    // Whoever wants JSON reads and writes by program.
    let terminal = if args.json { None } else { terminal::open()? };
    let (input, terminal) = match terminal {
        Some((input, terminal)) => (input, Some(terminal)),
        None => (Input::of_stdin()?, None),
    };
    let out: Box<dyn Write + Send> = match &terminal {
        Some(terminal) => {
            log_above(terminal)?;
            Box::new(terminal.printer())
        }
        None => {
            cli::log_to_stderr(&Progress::default())?;
            Box::new(io::stdout())
        }
    };
    let (tell, resent) = mpsc::unbounded_channel();
    options.resent = Some(tell);
    let (client, incoming) = Client::connect(options)?;
    let mut shift = Shift {
        scan: Scan::new(name),
        say: Say::new(Lines::new(out, Progress::default()), args.json),
        rings: io::stdout().is_terminal() && !args.json,
        client: client.clone(),
        hub: args.hub.clone(),
        vendors: args.vendors.clone(),
        held: HashMap::new(),
        under_way: FuturesUnordered::new(),
    };

    let is_typed = terminal.is_some();
    let result = cli::until_stopped(async {
        let ended = shift.run(incoming, resent, input, is_typed).await;
        ended.context("the driver cannot go on")
    });
    let result = result.await;

    if let Some(terminal) = &terminal {
        terminal.end();
    }
    cli::end_after(shift.finish(), result, client, args.outbox.as_deref()).await
}

/// Logs go above the line that is typed, unless they go elsewhere.
fn log_above(terminal: &terminal::Terminal) -> anyhow::Result<()> {
    if !io::stderr().is_terminal() {
        return cli::log_to_stderr(&Progress::default());
    }
    let printer = terminal.printer();
    cli::log_to(move || printer.clone(), true)
}

impl Shift {
    async fn run(
        &mut self,
        mut incoming: Incoming,
        mut resent: mpsc::UnboundedReceiver<Resent>,
        mut input: Input,
        is_typed: bool,
    ) -> Result<(), Failure> {
        let mut listening = listen(self.client.clone(), self.vendors.clone()).boxed();
        let mut looking: OptionFuture<BoxFuture<'static, Vec<OrderRef>>> = None.into();
        let (mut is_listening, mut is_looking) = (false, false);
        loop {
            tokio::select! {
                // So all that waits is heard before the word that this was all.
                biased;
                Some(resent) = resent.recv() => {
                    let step = self.scan.resent(resent);
                    self.carry_out(step).await?;
                }
                delivery = incoming.recv() => self.hear(delivery?).await?,
                Some(news) = self.under_way.next() => self.news(news).await?,
                listens = &mut listening, if !is_listening => {
                    listens?;
                    (is_listening, is_looking) = (true, true);
                    let waiting = self.scan.waiting();
                    let waiting = waiting.iter().map(|pickup| which_of(pickup)).collect();
                    let driver = self.scan.driver.clone();
                    looking = Some(look::on_the_road(self.hub.clone(), driver, waiting).boxed()).into();
                }
                Some(found) = &mut looking, if is_looking => {
                    is_looking = false;
                    found.iter().for_each(|which| self.scan.has(which));
                    let step = self.scan.opened();
                    self.carry_out(step).await?;
                }
                // A program cannot scan again what came too early.
                line = input.next(), if is_typed || self.scan.is_open => {
                    let line = line.unwrap_or_else(|why| {
                        tracing::error!("cannot read stdin: {why}; give it a terminal, a pipe or a file");
                        None
                    });
                    let Some(line) = line else { return Ok(()) };
                    let step = self.scan.line(&line, SystemTime::now());
                    if self.carry_out(step).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits for the answers to what was asked, and says what is left to do.
    async fn finish(&mut self) {
        let mine = self.scan.mine();
        let mine = mine.iter().filter(|(_, verb, _)| *verb == Verb::InTransit).count();
        if mine > 0 {
            tracing::warn!(
                "orders that stay on the road: {mine}; they are `mine` at the next start"
            );
        }
        while let Some(news) = self.under_way.next().await {
            if let Err(why) = self.news(news).await {
                tracing::warn!("{why}");
                return;
            }
        }
    }

    async fn hear(&mut self, pickup: Delivery) -> Result<(), Failure> {
        let serves = self.vendors.is_empty() || self.vendors.contains(&pickup.client_id);
        if pickup.event != Event::Pickup || !serves {
            // From the moments before the hub knew what this driver wants.
            tracing::debug!(client = %pickup.client_id, event = %pickup.event, "none of this driver's");
            return Ok(());
        }
        let step = self.scan.heard((*pickup).clone());
        self.held.insert(which_of(&pickup), pickup);
        self.carry_out(step).await.map(drop)
    }

    async fn news(&mut self, news: News) -> Result<(), Failure> {
        let step = match news {
            News::Late(ask, answer) => {
                let step = self.scan.unanswered(&ask);
                self.under_way.push(answer.map(|answer| News::Answer(ask, answer)).boxed());
                step
            }
            News::Answer(ask, answer) => {
                let answer = match answer {
                    Ok(done) => Ok(done),
                    Err(Error::Refused(refusal)) if refusal.code != Code::Unauthorized => {
                        Err(refusal)
                    }
                    Err(why) => return Err(why.into()),
                };
                self.scan.answered(ask, answer)
            }
        };
        self.carry_out(step).await.map(drop)
    }

    /// Says and asks what is to be said and asked. True when the driver quits.
    async fn carry_out(&mut self, step: Step) -> Result<bool, Failure> {
        let Step { words, ask, lets_go, quits } = step;
        for word in &words {
            self.say.word(word, self.rings)?;
        }
        if let Some(pickup) = lets_go.and_then(|which| self.held.remove(&which)) {
            pickup.settle();
        }
        if let Some(ask) = ask {
            self.ask(ask).await?;
        }
        Ok(quits)
    }

    /// Asks, and returns when it cannot be lost any more.
    async fn ask(&mut self, ask: Ask) -> Result<(), Failure> {
        let Ask { pickup, what } = &ask;
        let sending = match what {
            What::Take => self.client.in_transit(pickup),
            What::Deliver { proof: Some(proof), .. } => {
                self.client.delivered_with_proof(pickup, proof.clone())
            }
            What::Deliver { proof: None, .. } => self.client.delivered(pickup),
            What::GiveBack => self.client.release(pickup),
            What::Receive => {
                self.client.received(Event::Pickup, &pickup.client_id, &pickup.message_id)
            }
        };
        let mut answer = sending.taken().await?.boxed();
        let is_up = matches!(*self.client.state().borrow(), State::Connected { .. });
        let patience = if is_up { SOON } else { Duration::ZERO };
        self.under_way.push(
            async move {
                match timeout(patience, &mut answer).await {
                    Ok(answer) => News::Answer(ask, answer),
                    Err(_) => News::Late(ask, answer),
                }
            }
            .boxed(),
        );
        Ok(())
    }
}

/// Asks for pickups, first for those that wait already.
async fn listen(client: Client, vendors: Vec<ClientId>) -> Result<(), Failure> {
    for vendor in &vendors {
        client.subscribe(vendor, Event::Pickup).await?;
    }
    client.get_all(None, None).await?;
    Ok(())
}
