//! The world, with a server that answers numbers and two clients that send them one by one.

use super::*;
use crate::caller::Caller;
use crate::explorer::{Chances, Draw, Replay};
use crate::schedule::{Action, Effect, MessageName, Phase, Schedule, Trigger, When};
use crate::testing::{Numbers, One};

const NAMES: [&str; 3] = ["server", "a", "b"];
const LAST: u64 = 20;
const EVERY: Span = Span::from_millis(10);

#[derive(Default)]
struct Client {
    caller: Caller<Numbers>,
    next: Option<Instant>,
    sent: u64,
    got: Vec<(Instant, u64)>,
    lost: Vec<Instant>,
}

#[derive(Default)]
struct Echo {
    served: Vec<u64>,
    clients: [Client; 2],
}

impl Echo {
    fn client(&mut self, actor: Actor) -> &mut Client {
        &mut self.clients[usize::from(actor) - 1]
    }
}

impl System for Echo {
    type Vocabulary = Numbers;

    fn actor_of(&self, channel: Actor) -> Actor {
        channel
    }

    fn start(&mut self, net: &mut Net<'_, Numbers>, actor: Actor) {
        if actor > 0 {
            self.client(actor).next = Some(net.now());
        }
    }

    fn end(&mut self, _: &mut Net<'_, Numbers>, actor: Actor, _: Ended) {
        if actor > 0 {
            let sent = self.client(actor).sent;
            *self.client(actor) = Client { sent, ..Client::default() };
        }
    }

    fn poll_timeout(&self, actor: Actor) -> Instant {
        let client = usize::from(actor).checked_sub(1).map(|n| &self.clients[n]);
        client.and_then(|client| client.next).unwrap_or(Instant::NEVER)
    }

    fn handle_timeout(&mut self, net: &mut Net<'_, Numbers>, actor: Actor) {
        let client = self.client(actor);
        client.next = None;
        if client.sent < LAST {
            client.sent += 1;
            client.caller.call(0, client.sent, &mut net.out);
        }
    }

    fn request(&mut self, net: &mut Net<'_, Numbers>, _: Actor, _: Actor, conn: ConnId, request: u64) {
        self.served.push(request);
        net.out.push(Output::Respond(conn, request));
    }

    fn connected(&mut self, net: &mut Net<'_, Numbers>, client: Actor, channel: Actor) {
        self.client(client).caller.connected(channel, &mut net.out);
    }

    fn disconnected(&mut self, net: &mut Net<'_, Numbers>, client: Actor, channel: Actor) {
        let client = self.client(client);
        if client.caller.disconnected(channel) {
            client.lost.push(net.now());
            client.next = Some(net.now() + EVERY);
        }
    }

    fn answered(&mut self, net: &mut Net<'_, Numbers>, client: Actor, _: Actor, _: CorrelationId, response: u64) {
        let client = self.client(client);
        client.caller.answered();
        client.got.push((net.now(), response));
        client.next = Some(net.now() + EVERY);
    }

    fn perform(world: &mut World<'_, Self>, actor: Actor, output: Output<Numbers>) {
        world.perform(actor, output);
    }

    fn ending(&mut self, net: &Net<'_, Numbers>) -> Option<Ending> {
        let finished = self.clients.iter().all(|c| c.sent == LAST && c.next.is_none());
        (finished && !net.is_disturbed() && net.now() > net.delayed_until()).then_some(Ending::Settled)
    }
}

fn links() -> LinkTable {
    LinkTable::new(3, |node| node > 0)
}

fn world(explorer: Explorer<Numbers>, recorded: bool) -> World<'static, Echo> {
    let setup = Setup { recorded, delivery_budget: 1_000, ..Setup::new(&NAMES, links()) };
    World::new(Echo::default(), setup, explorer, None)
}

fn run(explorer: Explorer<Numbers>, recorded: bool, faults: Vec<Fault<Numbers>>) -> (Echo, Outcome<Numbers>) {
    let mut world = world(explorer, recorded);
    let ending = world.run_with(faults);
    world.finish(ending)
}

fn draw(seed: u64) -> Draw<Numbers> {
    let chances = Chances { lose_request_ppm: 50_000, lose_response_ppm: 50_000, ..Chances::USUAL };
    Draw::new(seed, chances, Instant(1_000_000_000), NAMES.map(str::to_string).to_vec(), links())
}

fn drawn(seed: u64, recorded: bool, faults: Vec<Fault<Numbers>>) -> (Echo, Outcome<Numbers>) {
    run(Explorer::Draw(Box::new(draw(seed))), recorded, faults)
}

fn with(faults: Vec<Fault<Numbers>>) -> (Echo, Outcome<Numbers>) {
    run(Explorer::Nominal, false, faults)
}

fn at(ms: i64, action: Action<Numbers>) -> Fault<Numbers> {
    Fault { when: When::At(Instant::ZERO + Span::from_millis(ms)), action, optional: false }
}

fn after(phase: Phase, item: u64, action: Action<Numbers>) -> Fault<Numbers> {
    let trigger = Trigger { kind: One, phase, from: Some(1), to: None, item: Some(item), nth: 1 };
    Fault { when: When::After(trigger, Span::ZERO), action, optional: false }
}

fn ms(n: i64) -> Span {
    Span::from_millis(n)
}

/// When a client got the answer to a number.
fn got(client: &Client, number: u64) -> Instant {
    client.got.iter().find(|(_, n)| *n == number).unwrap_or_else(|| panic!("{number} was answered")).0
}

fn is_whole(client: &Client) -> bool {
    client.got.iter().map(|(_, n)| *n).eq(1..=LAST)
}

#[test]
fn nominally_everything_is_answered_and_nothing_counts_as_a_fault() {
    let (echo, outcome) = with(Vec::new());
    assert!(echo.clients.iter().all(is_whole));
    assert_eq!((outcome.ending, outcome.faults), (Ending::Settled, 0));
}

#[test]
fn a_seed_gives_one_run_and_another_seed_another_one() {
    let digest = |seed| drawn(seed, false, Vec::new()).1.digest;
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn what_was_recorded_replays_the_run() {
    for seed in 0..50 {
        let faults = vec![
            at(30, Action::Pause { node: 1, span: ms(40) }),
            at(70, Action::Crash { node: 0, down: Some(ms(20)) }),
        ];
        let (_, first) = drawn(seed, true, faults.clone());
        assert_eq!(first.digest, drawn(seed, false, faults).1.digest, "recording changes nothing");
        let script = Schedule { deviations: first.recorded.clone() };
        let replay = Explorer::Replay(Replay::new(script.messages()));
        let (_, again) = run(replay, true, script.faults().cloned().collect());
        assert_eq!(first.digest, again.digest, "seed {seed}");
        // A replay knows what becomes of the answer when the request is sent, so only the order may differ.
        assert_eq!(first.recorded.len(), again.recorded.len(), "seed {seed}");
        assert!(first.recorded.iter().all(|deviation| again.recorded.contains(deviation)), "seed {seed}");
        assert_eq!(again.unused, []);
    }
}

#[test]
fn a_future_is_the_run_up_to_its_instant_and_drawn_from_then_on() {
    let (echo, first) = drawn(1, true, Vec::new());
    let fork = Instant(100_000_000);
    let script = Schedule { deviations: first.recorded };
    let splice = Explorer::Splice(Replay::new(script.messages()), fork, Box::new(draw(7)));
    let (other, second) = run(splice, false, Vec::new());
    let before = |echo: &Echo| echo.clients[0].got.iter().copied().filter(|(at, _)| *at < fork).collect::<Vec<_>>();
    assert_eq!(before(&echo), before(&other));
    assert!(before(&echo).len() > 2);
    assert_ne!(first.digest, second.digest);
}

#[test]
fn what_a_cut_holds_arrives_when_it_heals() {
    let (echo, _) = with(vec![at(50, Action::Block { links: vec![(1, 0)], span: ms(300) })]);
    assert!(echo.clients.iter().all(is_whole), "nothing is lost");
    let late = echo.clients[0].got.windows(2).map(|pair| pair[1].0.since(pair[0].0)).max();
    assert!(late.is_some_and(|gap| gap >= ms(280)), "{late:?}");
    let other = echo.clients[1].got.windows(2).map(|pair| pair[1].0.since(pair[0].0)).max();
    assert!(other.is_some_and(|gap| gap < ms(20)), "the other link is not cut: {other:?}");
}

#[test]
fn slow_links_slow_nodes_and_delays_take_as_long_as_they_say() {
    let gap = |echo: &Echo, number| got(&echo.clients[0], number).since(got(&echo.clients[0], number - 1));
    let (nominal, _) = with(Vec::new());
    let (slow, _) = with(vec![at(50, Action::Slow { links: vec![(1, 0), (0, 1)], by: ms(3), span: ms(100) })]);
    assert_eq!(gap(&slow, 8).0, gap(&nominal, 8).0 + ms(6).0);
    assert_eq!(gap(&slow, 19), gap(&nominal, 19), "it is over");
    let name = MessageName { from: 1, incarnation: 0, to: Some(0), kind: One, subject: 8, attempt: 0 };
    let replay = |effect| run(Explorer::Replay(Replay::new([(name, effect)])), false, Vec::new());
    assert_eq!(gap(&replay(Effect::DelayRequest(ms(5))).0, 8).0, gap(&nominal, 8).0 + ms(5).0);
    assert_eq!(gap(&replay(Effect::DelayResponse(ms(5))).0, 8).0, gap(&nominal, 8).0 + ms(5).0);
}

#[test]
fn a_lost_request_is_not_handled_and_one_whose_answer_is_lost_is() {
    let served = |effect| {
        let (echo, _) = with(vec![after(Phase::Sending, 8, Action::Message(effect))]);
        assert_eq!(echo.clients[0].lost.len(), 1, "the client learns that the connection is gone");
        assert!(echo.clients[0].got.iter().all(|(_, n)| *n != 8));
        echo.served.iter().filter(|n| **n == 8).count()
    };
    assert_eq!(served(Effect::LoseRequest), 1, "that of the other client");
    assert_eq!(served(Effect::LoseResponse), 2);
}

#[test]
fn an_error_is_put_before_the_handling_or_after_it() {
    let served = |effect| {
        let (echo, _) = with(vec![after(Phase::Sending, 8, Action::Message(effect))]);
        assert!(echo.clients[0].got.iter().any(|(_, n)| *n == 99));
        echo.served.iter().filter(|n| **n == 8).count()
    };
    assert_eq!(served(Effect::ErrorBefore(99)), 1, "that of the other client");
    assert_eq!(served(Effect::ErrorAfter(99)), 2);
}

#[test]
fn a_server_that_is_killed_when_it_has_handled_a_request_does_not_answer_it() {
    let (echo, outcome) = with(vec![after(Phase::Handled, 8, Action::Crash { node: 0, down: Some(ms(30)) })]);
    assert!(echo.served.contains(&8));
    assert!(echo.clients[0].got.iter().all(|(_, n)| *n != 8));
    // Its host resets the connections at once, and refuses others until it is back.
    assert!(echo.clients.iter().all(|c| !c.lost.is_empty() && c.got.last().is_some_and(|(_, n)| *n == LAST)));
    assert_eq!((outcome.faults, outcome.unused), (1, vec![]));
}

#[test]
fn a_host_without_power_says_nothing_until_it_is_back() {
    let down = ms(400);
    let (echo, _) = with(vec![at(50, Action::PowerLoss { node: 0, down: Some(down), keep_ppm: 0 })]);
    let first_lost = echo.clients[0].lost[0];
    assert!(first_lost >= Instant::ZERO + ms(450), "{first_lost}");
    let (echo, _) = with(vec![at(50, Action::Crash { node: 0, down: Some(down) })]);
    assert!(echo.clients[0].lost[0] < Instant::ZERO + ms(60), "a process that is killed is missed at once");
}

#[test]
fn what_reaches_a_process_that_stands_still_waits_for_it() {
    let (echo, _) = with(vec![at(50, Action::Pause { node: 0, span: ms(200) })]);
    assert!(echo.clients.iter().all(is_whole), "nothing is lost");
    let (echo, _) = with(vec![at(50, Action::Pause { node: 1, span: ms(200) })]);
    assert!(echo.clients.iter().all(is_whole), "nor by a client");
}

#[test]
fn a_clock_steps_and_drifts_and_time_goes_on_alike() {
    let mut world = world(Explorer::Nominal, false);
    world.net.schedule(
        [at(10, Action::StepClock { node: 1, by_ms: -50 }), at(10, Action::DriftClock { node: 2, ppm: 100_000 })]
            .map(|fault| (Occasion { fault, number: None }, Origin::Written)),
    );
    world.start();
    world.run_to(Instant::ZERO + ms(110));
    let wall = |actor| world.net.now_at(actor).wall_ms - crate::clock::EPOCH_MS;
    assert_eq!([wall(0), wall(1), wall(2)], [110, 60, 120]);
}

#[test]
fn a_fault_whose_moment_never_comes_is_told_as_unused() {
    let never = after(Phase::Handled, LAST + 1, Action::Pause { node: 0, span: ms(1) });
    assert_eq!(with(vec![never.clone()]).1.unused, [Deviation::Fault(never)]);
}

#[test]
fn a_run_that_does_too_much_is_cut_off() {
    let setup = Setup { delivery_budget: 30, ..Setup::new(&NAMES, links()) };
    let mut world = World::new(Echo::default(), setup, Explorer::Nominal, None);
    assert!(matches!(world.run_with([]), Ending::OverBudget { .. }));
}
