//! The echo in turmoil, over its TCP, with a tick of 1 ms.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ::turmoil::Builder;
use ::turmoil::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Shape;

/// How long messages take, between 1 and 10 ms. turmoil draws latencies in whole milliseconds from an exponential curve,
/// cut off at the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// With the mean of the other worlds' uniform latency, 5.5 ms, so that a round trip takes as many ticks: turmoil's
    /// work is done by the tick. (It has no uniform latency. Drawing each link's latency anew in every tick gives one,
    /// and made turmoil a tenth slower.)
    SameMean,
    /// Steepness as turmoil has it by default. The mean is about half as long, so a round trip takes half the ticks.
    Default,
}

/// Steepness of the curve that gives a mean of 5.5 ms: 1 + the sum of e^(-steepness * k / 9) over k = 1 to 9.
const SAME_MEAN: f64 = 1.389;

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
    if latency == Latency::SameMean {
        sim.set_message_latency_curve(SAME_MEAN);
    }
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
    sim.run().expect("every client finishes");
    sim.elapsed()
}
