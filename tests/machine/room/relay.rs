//! Carries TCP connections on to an address that only this machine can reach, as the station's loopback port.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

/// Listens until the machine ends.
pub fn run(from: &str, to: &str) {
    let listener = TcpListener::bind(from).unwrap();
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        // Nobody listens there yet: the client sees its connection closed, as it does when nobody answers.
        let Ok(server) = TcpStream::connect(to) else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || carry(client, server));
        thread::spawn(move || carry(back_from, back_to));
    }
}

/// One direction, to its end; the end is passed on.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
