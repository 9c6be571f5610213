//! The echo in madsim 0.2, over the reliable connections (`connect1`, `accept1`) that its own gRPC and Kafka use.

use std::net::SocketAddr;
use std::time::Duration;

use madsim::net::Endpoint;
use madsim::runtime::Runtime;

use super::Shape;

/// Runs the echo to its end; returns the virtual time that it took.
pub fn run(shape: Shape, seed: u64) -> Duration {
    let mut config = madsim::Config::default();
    config.net.send_latency = Duration::from_millis(1)..Duration::from_millis(10);
    let runtime = Runtime::with_seed_and_config(seed, config);
    let address: SocketAddr = "10.0.0.1:9092".parse().expect("an address");

    let server = runtime.create_node().name("server").ip(address.ip()).build();
    server.spawn(async move {
        let endpoint = Endpoint::bind(address).await.expect("the server binds");
        loop {
            let (answers, mut requests, _) = endpoint.accept1().await.expect("the server accepts");
            madsim::task::spawn(async move {
                while let Ok(request) = requests.recv().await {
                    if answers.send(request).await.is_err() {
                        return;
                    }
                }
            });
        }
    });

    let mut clients = Vec::new();
    for number in 1..=shape.clients {
        let ip = format!("10.0.1.{number}").parse().expect("an address");
        let node = runtime.create_node().name(format!("client-{number}")).ip(ip).build();
        clients.push(node.spawn(async move {
            madsim::time::sleep(Duration::from_millis(1)).await; // the server is there
            let endpoint = Endpoint::bind(SocketAddr::new(ip, 0)).await.expect("a client binds");
            let (requests, mut answers) = endpoint.connect1(address).await.expect("a client connects");
            for round_trip in 0..shape.round_trips {
                requests.send(Box::new(round_trip)).await.expect("a request is sent");
                let answer = answers.recv().await.expect("a request is answered");
                assert_eq!(*answer.downcast::<u32>().expect("the answer is a number"), round_trip);
            }
        }));
    }
    runtime.block_on(async move {
        for client in clients {
            client.await.expect("a client finishes");
        }
        madsim::time::TimeHandle::current().elapsed()
    })
}
