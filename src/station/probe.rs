//! Asks who is at a port: opens it and speaks every protocol in turn.

use std::sync::Arc;
use std::time::Duration;

use super::{PortBay, World, fleet, resolve};
use crate::detect::{Access, Found};
use crate::device::{Bay, Cancel, Op};
use crate::error::{Kind, Result};

/// How long one port may take: a unit that speaks answers in milliseconds, one that boots within seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fills in what each serial port's unit says of itself. Ports are asked at once; one that is silent keeps nobody
/// waiting but itself.
///
/// # Errors
/// `cancelled`; `storage` when the machine gives no threads.
pub fn probe(found: &mut [Found], world: &Arc<dyn World>, cancel: &Cancel) -> Result<()> {
    let ports: Vec<&mut Found> =
        found.iter_mut().filter(|found| found.access == Access::Ok && !found.address.starts_with("usb:")).collect();
    fleet::run(ports, cancel, |found, _| ask(found, world, cancel), |_| {})?;
    if cancel.is_asked() {
        return Err(crate::error::Error::new(Kind::Cancelled, "stopped on request"));
    }
    Ok(())
}

fn ask(found: &mut Found, world: &Arc<dyn World>, cancel: &Cancel) {
    let Ok(target) = found.address.parse().and_then(|selector| resolve(&selector, &[], &**world)) else { return };
    let mut quiet = |_| {};
    let mut op = Op::new(&**world.clock(), cancel, &mut quiet);
    op.deadline = Some(world.clock().now() + PATIENCE);
    let mut bay = PortBay::new(target, Arc::clone(world));
    match bay.open(&mut op) {
        Ok(driver) => {
            let unit = driver.unit();
            found.driver = Some(unit.driver);
            found.mode = Some(unit.mode);
            found.serial = unit.serial.clone().or(found.serial.take());
            found.model = unit.model.clone().or(found.model.take());
        }
        Err(error) => {
            found.access = match error.kind() {
                Kind::Busy => Access::Busy,
                Kind::NotPermitted => Access::Denied,
                Kind::Unauthorized => Access::Unauthorized,
                Kind::Gone => Access::Offline,
                _ => Access::Ok,
            };
            found.hint = Some(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Script;
    use super::*;
    use crate::detect;

    #[test]
    fn a_unit_that_answers_is_named_and_one_that_does_not_is_left_as_it_was() {
        for (line, driver, access) in [
            (Ok("A1"), Some("fake"), Access::Ok),
            (Err(Kind::TimedOut), None, Access::Ok),
            (Err(Kind::Busy), None, Access::Busy),
        ] {
            let world: Arc<dyn World> = Arc::new(Script::new(&[line]));
            let mut found = [detect::named("tty:/dev/unit".into())];
            probe(&mut found, &world, &Cancel::default()).unwrap();
            assert_eq!((found[0].driver, found[0].access), (driver, access));
            assert_eq!(found[0].hint.is_some(), driver.is_none());
        }
    }
}
