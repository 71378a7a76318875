//! A desktop with a tray, and magia's icon in it as the session bus shows it.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result, bail};
use zbus::blocking::{Connection, connection};
use zbus::zvariant::{OwnedValue, Structure, Value};

use crate::bus::Bus;
use crate::display::Display;
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A panel at the top left with nothing but a tray in it.
const CONFIG: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="10"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray"/>
  </property>
</channel>
"#;

/// A running xfce4-panel.
pub struct Panel {
    program: Program,
}

impl Panel {
    /// Starts it and waits until it shows what is registered.
    pub fn start(sandbox: &Sandbox, display: &Display, bus: &Bus) -> Result<Self> {
        let dir = sandbox.root().join("config/xfce4/xfconf/xfce-perchannel-xml");
        fs::create_dir_all(&dir).context("making the panel's directory")?;
        fs::write(dir.join("xfce4-panel.xml"), CONFIG).context("writing the panel's settings")?;
        let mut command = sandbox.command("xfce4-panel");
        command.args(["--disable-wm-check"]);
        // No screen reader's bus and no volumes: nothing of either is looked at here.
        command.env("NO_AT_BRIDGE", "1").env("GIO_USE_VFS", "local").env("GVFS_DISABLE_FUSE", "1");
        command.env("DISPLAY", display.name()).env("DBUS_SESSION_BUS_ADDRESS", bus.address());
        let program = sandbox.spawn("xfce4-panel", command)?;
        let tray = TrayIcon::on(bus)?;
        wait_until("the panel to show icons", PATIENCE, || {
            let has_host =
                tray.property(WATCHER, WATCHER_PATH, WATCHER, "IsStatusNotifierHostRegistered").ok()?;
            (bool::try_from(has_host).ok()?).then_some(())
        })
        .with_context(|| program.stderr())?;
        Ok(Self { program })
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.program.kill9().map(drop)
    }
}

/// An entry of the tray's menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// What a click names.
    pub id: i32,
    /// The words of it and of what it stands in, as `Sessions > shop`.
    pub path: String,
    /// Whether it can be clicked.
    pub enabled: bool,
}

/// magia's icon, as a host sees it.
pub struct TrayIcon {
    connection: Connection,
}

impl TrayIcon {
    /// A connection to the bus that looks for it.
    pub fn on(bus: &Bus) -> Result<Self> {
        let connection = connection::Builder::address(bus.address()).and_then(connection::Builder::build);
        Ok(Self { connection: connection.context("connecting to the bus")? })
    }

    /// Waits until it is registered.
    pub fn wait(&self) -> Result<()> {
        wait_until("magia's icon in the tray", PATIENCE, || self.item().ok().flatten()).map(drop)
    }

    /// Whether it is registered.
    pub fn is_there(&self) -> Result<bool> {
        Ok(self.item()?.is_some())
    }

    /// What its tooltip says.
    pub fn words(&self) -> Result<String> {
        let (name, path) = self.item()?.context("magia has no icon in the tray")?;
        let tip = self.property(&name, &path, ITEM, "ToolTip")?;
        let tip = Structure::try_from(tip).context("a tooltip")?;
        match tip.fields() {
            [_, _, _, Value::Str(words)] => Ok(words.to_string()),
            other => bail!("a tooltip of another shape: {other:?}"),
        }
    }

    /// The menu, all of it.
    pub fn menu(&self) -> Result<Vec<MenuEntry>> {
        let (name, path) = self.menu_place()?;
        let none: Vec<&str> = Vec::new();
        let reply = self
            .connection
            .call_method(Some(name.as_str()), path.as_str(), Some(MENU), "GetLayout", &(0_i32, -1_i32, none))
            .context("asking for the menu")?;
        let body = reply.body();
        let layout: Structure<'_> = body.deserialize().context("reading the menu")?;
        let mut entries = Vec::new();
        if let Some(root) = layout.fields().get(1) {
            read(root, "", &mut entries);
        }
        Ok(entries)
    }

    /// Waits for an entry whose path ends like this.
    pub fn wait_for(&self, end: &str) -> Result<MenuEntry> {
        wait_until(&format!("{end:?} in the tray's menu"), PATIENCE, || {
            self.menu().ok()?.into_iter().find(|entry| entry.path.ends_with(end))
        })
        .with_context(|| format!("in the menu: {:#?}", self.menu()))
    }

    /// Clicks on an entry, as a host does.
    pub fn click(&self, entry: &MenuEntry) -> Result<()> {
        let (name, path) = self.menu_place()?;
        let event = (entry.id, "clicked", Value::from(0_i32), 0_u32);
        self.connection
            .call_method(Some(name.as_str()), path.as_str(), Some(MENU), "Event", &event)
            .context("clicking")?;
        Ok(())
    }

    fn menu_place(&self) -> Result<(String, String)> {
        let (name, path) = self.item()?.context("magia has no icon in the tray")?;
        let menu = self.property(&name, &path, ITEM, "Menu")?;
        let menu = zbus::zvariant::OwnedObjectPath::try_from(menu).context("the menu's path")?;
        Ok((name, menu.to_string()))
    }

    /// The bus name and path of the item that is called magia.
    fn item(&self) -> Result<Option<(String, String)>> {
        let items = self.property(WATCHER, WATCHER_PATH, WATCHER, "RegisteredStatusNotifierItems")?;
        let items = Vec::<String>::try_from(items).context("the items")?;
        for item in items {
            let (name, path) = item.split_once('/').unwrap_or((item.as_str(), "StatusNotifierItem"));
            let path = format!("/{path}");
            let id = self.property(name, &path, ITEM, "Id");
            if id.ok().and_then(|id| String::try_from(id).ok()).as_deref() == Some("magia") {
                return Ok(Some((name.to_owned(), path)));
            }
        }
        Ok(None)
    }

    fn property(&self, name: &str, path: &str, interface: &str, property: &str) -> Result<OwnedValue> {
        let reply = self
            .connection
            .call_method(Some(name), path, Some(PROPERTIES), "Get", &(interface, property))
            .with_context(|| format!("asking {name} for {property}"))?;
        reply.body().deserialize().context("reading it")
    }
}

/// An item `(id, properties, children)` and those below it.
fn read(item: &Value<'_>, above: &str, entries: &mut Vec<MenuEntry>) {
    let item = match item {
        Value::Value(inner) => inner,
        item => item,
    };
    let Value::Structure(item) = item else { return };
    let [Value::I32(id), Value::Dict(properties), Value::Array(children)] = item.fields() else { return };
    let properties: HashMap<String, Value<'_>> = properties
        .iter()
        .filter_map(|(key, value)| match (key, value) {
            (Value::Str(key), Value::Value(value)) => Some((key.to_string(), (**value).clone())),
            _ => None,
        })
        .collect();
    let label = match properties.get("label") {
        // A lone underscore marks a key, two are one.
        Some(Value::Str(label)) => label.replace("__", "\u{0}").replace('_', "").replace('\u{0}', "_"),
        _ => String::new(),
    };
    let path = if above.is_empty() { label } else { format!("{above} > {label}") };
    let enabled = !matches!(properties.get("enabled"), Some(Value::Bool(false)));
    if !path.is_empty() {
        entries.push(MenuEntry { id: *id, path: path.clone(), enabled });
    }
    for child in children.iter() {
        read(child, &path, entries);
    }
}
