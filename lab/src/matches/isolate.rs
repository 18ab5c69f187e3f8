//! Matches played by processes of their own, for scripts that nobody vouches for: each holds to a limit of memory, and shows
//! a sign of life at every step. One that dies or falls silent is ended and its match played once more with no other
//! beside it; dying again is the match's result.

use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use palisade_agents::{Backend, HostOptions};
use serde::{Deserialize, Serialize};

use super::player::{InProcess, Player, command};
use super::{Entry, Order, Pairing, Payoff, Status};
use crate::load::RunRequest;
use crate::run::{RunError, Watch};
use crate::source::Override;

/// How processes that play matches are started and held.
#[derive(Clone, Debug)]
pub struct Isolation {
    /// The program, with the arguments that make it [`serve`].
    pub program: (PathBuf, Vec<String>),
    /// How long one may stay silent.
    pub patience: Duration,
}

/// How often a match is played alone whose process dies.
const REPEATS: u32 = 3;

/// Why a process that plays matches ends.
#[derive(Debug, thiserror::Error)]
#[error("cannot talk to the process that asks for matches: {0}")]
pub struct IsolateError(#[from] io::Error);

/// A match, as one process tells it another.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    order: Order,
    seed: u64,
    scenario: PathBuf,
    sets: Vec<(String, String)>,
    data: Vec<(String, PathBuf)>,
    scripts: Vec<PathBuf>,
    steps: Option<u64>,
    payoffs: Vec<Payoff>,
    backend: String,
}

/// What is told back.
#[derive(Debug, Serialize, Deserialize)]
enum Sign {
    /// A step begins, by its number over all worlds of the match.
    Step(u64),
    /// The match has ended.
    Ended(Box<Entry>),
}

impl Task {
    fn of(pairing: &Pairing, order: Order, seed: u64) -> Self {
        let RunRequest { scenario, sets, data, scripts, steps, host, .. } = pairing.request.clone();
        let sets = sets.into_iter().map(|Override { path, value }| (path, value)).collect();
        let (payoffs, backend) = (pairing.payoffs.clone(), host.backend.word().to_owned());
        Self { order, seed, scenario, sets, data, scripts, steps, payoffs, backend }
    }

    fn pairing(&self, host: HostOptions) -> Pairing {
        let Self { scenario, sets, data, scripts, steps, payoffs, .. } = self.clone();
        let sets = sets.into_iter().map(|(path, value)| Override { path, value }).collect();
        let backend = Backend::ALL.into_iter().find(|backend| backend.word() == self.backend).unwrap_or_default();
        let host = HostOptions { backend, ..host };
        let request = RunRequest { scenario, sets, data, scripts, steps, host, ..RunRequest::default() };
        Pairing { labels: Vec::new(), request, payoffs, environment: String::new() }
    }
}

/// Writes a message behind its length.
fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads a message; none at the end.
fn receive<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}

/// Plays matches that come in, one after the other, until there are no more.
///
/// # Errors
/// The other process is gone.
pub fn serve(from: &mut impl Read, to: &mut (impl Write + Send), host: HostOptions) -> Result<(), IsolateError> {
    let to = Mutex::new(to);
    while let Some(task) = receive::<Task>(from)? {
        let signs = Signs { to: &to, steps: Mutex::new(0) };
        let player = InProcess::new(&signs, 1);
        // This player always can.
        if let Ok(Some(entry)) = player.play(0, (&task.pairing(host), task.order), task.seed) {
            send(*to.lock().unwrap_or_else(PoisonError::into_inner), &Sign::Ended(Box::new(entry)))?;
        }
    }
    Ok(())
}

/// Tells of every step.
struct Signs<'a, W: Write + Send> {
    to: &'a Mutex<&'a mut W>,
    steps: Mutex<u64>,
}

impl<W: Write + Send> Watch for Signs<'_, W> {
    fn stepped(&self, steps: u64) {
        let mut all = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        *all += steps;
        // Without anyone who listens, the next result cannot be told either.
        let _ = send(*self.to.lock().unwrap_or_else(PoisonError::into_inner), &Sign::Step(*all));
    }

    fn interrupted(&self) -> bool {
        false
    }
}

/// Plays matches in processes of their own, one for each worker.
pub(crate) struct Isolated<'a> {
    isolation: Isolation,
    watch: &'a dyn Watch,
    workers: Vec<Mutex<Option<Worker>>>,
    /// Held for reading by whoever plays, and for writing by whoever plays alone.
    turns: RwLock<()>,
}

/// A process that plays.
struct Worker {
    child: Child,
    to: ChildStdin,
    signs: Receiver<io::Result<Sign>>,
    /// The last line of its complaints, once it has ended.
    last: Receiver<String>,
}

/// Why a worker gave no result.
struct Death {
    step: u64,
    how: String,
}

impl Worker {
    fn start(isolation: &Isolation) -> io::Result<Self> {
        let (program, arguments) = &isolation.program;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(to), Some(from), Some(mut complains)) = pipes else {
            return Err(io::Error::other("a process without pipes"));
        };
        let (said, last) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            // What cannot be read was not said.
            let _ = complains.read_to_string(&mut text);
            let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let _ = said.send(last.trim().chars().take(200).collect::<String>());
        });
        let (sender, signs) = channel();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            while let Some(sign) = receive::<Sign>(&mut from).transpose() {
                let is_last = sign.is_err();
                if sender.send(sign).is_err() || is_last {
                    break;
                }
            }
        });
        Ok(Self { child, to, signs, last })
    }

    fn play(&mut self, task: &Task, isolation: &Isolation, watch: &dyn Watch) -> Result<Entry, Death> {
        let mut step = 0;
        let died = |step, how: String| Death { step, how };
        send(&mut self.to, task).map_err(|error| died(0, format!("could not be asked: {error}")))?;
        loop {
            match self.signs.recv_timeout(isolation.patience) {
                Ok(Ok(Sign::Step(now))) => {
                    watch.stepped(now - step);
                    step = now;
                }
                Ok(Ok(Sign::Ended(entry))) => return Ok(*entry),
                Ok(Err(error)) => return Err(died(step, error.to_string())),
                Err(RecvTimeoutError::Disconnected) => return Err(died(step, self.ending())),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = isolation.patience.as_secs_f64();
                    return Err(died(step, format!("made no headway for {seconds} s")));
                }
            }
        }
    }

    /// How the process ended.
    fn ending(&mut self) -> String {
        let how = self.child.wait().map_or_else(|error| error.to_string(), |status| format!("ended with {status}"));
        match self.last.recv_timeout(Duration::from_secs(1)) {
            Ok(line) if !line.is_empty() => format!("{how} ({line})"),
            _ => how,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Gone already, or to be: either is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Isolated<'a> {
    pub(crate) fn new(isolation: Isolation, watch: &'a dyn Watch, jobs: usize) -> Self {
        let workers = (0..jobs).map(|_| Mutex::default()).collect();
        Self { isolation, watch, workers, turns: RwLock::default() }
    }

    /// Asks a worker's process, which is started where there is none; one that gave no result is ended.
    fn ask(&self, worker: usize, task: &Task) -> Result<Result<Entry, Death>, RunError> {
        let mut slot = self.workers[worker].lock().unwrap_or_else(PoisonError::into_inner);
        let mut process = match slot.take() {
            Some(process) => process,
            None => Worker::start(&self.isolation).map_err(|error| {
                RunError::Output(format!("--isolate: a process that plays matches cannot be started: {error}"))
            })?,
        };
        let result = process.play(task, &self.isolation, self.watch);
        if result.is_ok() {
            *slot = Some(process);
        }
        Ok(result)
    }

    /// What a match comes to whose process has died once: it is played with no other beside it until it ends or has died
    /// at the same step twice in a row.
    fn alone(&self, worker: usize, task: &Task, first: Death) -> Result<Result<Entry, (Status, Death)>, RunError> {
        let _alone = self.turns.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = first.step;
        for _ in 0..REPEATS {
            match self.ask(worker, task)? {
                Ok(entry) => return Ok(Ok(entry)),
                Err(death) if death.step == before => return Ok(Err((Status::EngineFault, death))),
                Err(death) => before = death.step,
            }
        }
        Ok(Err((Status::Failed, Death { step: before, how: "ended at another step each time".to_owned() })))
    }
}

impl Player for Isolated<'_> {
    fn play(&self, worker: usize, (pairing, order): (&Pairing, Order), seed: u64) -> Result<Option<Entry>, RunError> {
        let task = Task::of(pairing, order, seed);
        let first = {
            let _beside_others = self.turns.read().unwrap_or_else(PoisonError::into_inner);
            self.ask(worker, &task)?
        };
        let death = match first {
            Ok(entry) => return Ok(Some(entry)),
            Err(_) if self.watch.interrupted() => return Ok(None),
            Err(death) => death,
        };
        let (status, death) = match self.alone(worker, &task, death)? {
            Ok(entry) => return Ok(Some(entry)),
            Err(verdict) => verdict,
        };
        let message =
            format!("the process that played it {}, with no other beside it, behind step {}", death.how, death.step);
        Ok(Some(Entry {
            order,
            seed,
            status,
            payoffs: Vec::new(),
            figures: Vec::new(),
            faults: 0,
            message,
            command: command(pairing, seed),
        }))
    }
}
