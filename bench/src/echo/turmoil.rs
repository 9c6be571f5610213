//! The echo in turmoil, over its TCP, with a tick of 1 ms.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ::turmoil::net::{TcpListener, TcpStream};
use ::turmoil::{Builder, Sim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shape;

/// How long messages take. turmoil draws latencies from an exponential curve, cut off at the largest latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Uniform, as in the other worlds: the latency of every link is drawn anew in each tick.
    Uniform,
    /// turmoil's own curve between the same bounds. Its mean is about half as long, so that a round trip takes half as
    /// many ticks: it flatters turmoil, whose work is done by the tick.
    OwnCurve,
}

const MIN: Duration = Duration::from_millis(1);
const MAX: Duration = Duration::from_millis(10);

/// Runs the echo to its end; returns the virtual time that it took.
pub fn run(shape: Shape, seed: u64, latency: Latency) -> Duration {
    let mut sim = Builder::new()
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(MIN)
        .max_message_latency(MAX)
        .simulation_duration(Duration::from_secs(1_000_000))
        .rng_seed(seed)
        .build();
    sim.host("server", || async {
        let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), 9092)).await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut request = [0; 4];
                while stream.read_exact(&mut request).await.is_ok() && stream.write_all(&request).await.is_ok() {}
            });
        }
    });
    for number in 1..=shape.clients {
        sim.client(format!("client-{number}"), async move {
            let mut stream = TcpStream::connect("server:9092").await?;
            for round_trip in 0..shape.round_trips {
                stream.write_all(&round_trip.to_le_bytes()).await?;
                let mut answer = [0; 4];
                stream.read_exact(&mut answer).await?;
                assert_eq!(u32::from_le_bytes(answer), round_trip);
            }
            Ok(())
        });
    }
    match latency {
        Latency::OwnCurve => sim.run().expect("every client finishes"),
        Latency::Uniform => run_with_uniform_latency(&mut sim, shape, seed),
    }
    sim.elapsed()
}

fn run_with_uniform_latency(sim: &mut Sim<'_>, shape: Shape, seed: u64) {
    let server = sim.lookup("server");
    let clients: Vec<IpAddr> = (1..=shape.clients).map(|n| sim.lookup(format!("client-{n}"))).collect();
    let range = (MAX - MIN).as_nanos() as u64;
    let mut state = seed;
    loop {
        for client in &clients {
            // Splitmix64, scaled to the range.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let extra = (u128::from(z) * u128::from(range) >> 64) as u64;
            sim.set_link_latency(*client, server, MIN + Duration::from_nanos(extra));
        }
        if sim.step().expect("every client finishes") {
            return;
        }
    }
}
