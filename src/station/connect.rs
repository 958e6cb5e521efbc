//! From the configured address to contact with a machine. The only place in the daemon, besides `cli/`,
//! that opens a driver.

use std::sync::Arc;

use drivers::transport::emulated::Emulated;
use drivers::transport::tcp::Tcp;

use super::Connect;
use crate::config::{Address, Printer};
use crate::daemon::StartError;
