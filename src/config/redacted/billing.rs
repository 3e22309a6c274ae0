//! The section `billing` of an account.

use std::fmt::Write;

use crate::billing::{Billing, Package, Rate};
use crate::quote::quote;
use crate::usage::Media;

pub(super) fn write(yaml: &mut String, billing: &Billing) -> std::fmt::Result {
    writeln!(yaml, "    billing:")?;
    writeln!(yaml, "      currency: {}", billing.currency)?;
    let prices = billing.prices.items();
    if !prices.is_empty() {
        writeln!(yaml, "      prices:")?;
    }
    for (item, rates) in prices {
        writeln!(yaml, "        {item}:")?;
        rates
            .iter()
            .try_for_each(|(media, rate)| write_rate(yaml, *media, rate))?;
    }
    if !billing.packages.is_empty() {
        writeln!(yaml, "      packages:")?;
    }
    billing
        .packages
        .iter()
        .try_for_each(|package| write_package(yaml, package))
}

fn write_rate(yaml: &mut String, media: Media, rate: &Rate) -> std::fmt::Result {
    if rate.tiers().is_empty() {
        return writeln!(yaml, "          {media}: {}", rate.beyond());
    }
    writeln!(yaml, "          {media}:")?;
    for tier in rate.tiers() {
        writeln!(
            yaml,
            "            - {{up_to: {}, price: {}}}",
            tier.up_to, tier.price
        )?;
    }
    writeln!(yaml, "            - {{price: {}}}", rate.beyond())
}

fn write_package(yaml: &mut String, package: &Package) -> std::fmt::Result {
    writeln!(yaml, "        - name: {}", quote(&package.name))?;
    writeln!(yaml, "          minutes: {}", package.minutes)?;
    writeln!(yaml, "          from: {}", package.from)?;
    if let Some(until) = package.until {
        writeln!(yaml, "          until: {until}")?;
    }
    if let Some(renews) = package.renews {
        writeln!(yaml, "          renews: {renews}")?;
    }
    if let Some(left) = package.left {
        writeln!(
            yaml,
            "          left: {{minutes: {}, on: {}}}",
            left.minutes, left.on
        )?;
    }
    writeln!(yaml, "          items:")?;
    for (item, ratios) in &package.items {
        let ratios: Vec<_> = ratios
            .iter()
            .map(|(media, ratio)| format!("{media}: {ratio}"))
            .collect();
        writeln!(yaml, "            {item}: {{{}}}", ratios.join(", "))?;
    }
    Ok(())
}
