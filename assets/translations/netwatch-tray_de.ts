<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
  <context>
    <name>About</name>
    <message>
      <source>Copy report</source>
      <translation>Bericht kopieren</translation>
    </message>
    <message>
      <source>The agent, always there</source>
      <translation>Der Agent, immer da</translation>
    </message>
    <message>
      <source>This window, while open</source>
      <translation>Dieses Fenster, solange es offen ist</translation>
    </message>
  </context>
  <context>
    <name>AppDetails</name>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>Show connections</source>
      <translation>Verbindungen zeigen</translation>
    </message>
    <message>
      <source>Close the details (Escape)</source>
      <translation>Einzelheiten schließen (Esc)</translation>
    </message>
    <message>
      <source>Close the details</source>
      <translation>Einzelheiten schließen</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>has no connection now</source>
      <translation>hat jetzt keine Verbindung</translation>
    </message>
    <message>
      <source>1 process</source>
      <translation>1 Prozess</translation>
    </message>
    <message>
      <source>{count} processes</source>
      <translation>{count} Prozesse</translation>
    </message>
    <message>
      <source>not known yet</source>
      <translation>noch nicht bekannt</translation>
    </message>
    <message>
      <source>median of {count} d</source>
      <translation>Median von {count} T</translation>
    </message>
    <message>
      <source>last week {amount}</source>
      <translation>Vorwoche {amount}</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>This week</source>
      <translation>Diese Woche</translation>
    </message>
    <message>
      <source>Usual day</source>
      <translation>Üblicher Tag</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Listens on</source>
      <translation>Lauscht auf</translation>
    </message>
    <message>
      <source>First seen</source>
      <translation>Zuerst gesehen</translation>
    </message>
    <message>
      <source>Alerts</source>
      <translation>Alarme</translation>
    </message>
    <message>
      <source>none in {days} d</source>
      <translation>keine in {days} T</translation>
    </message>
    <message>
      <source>{count} in {days} d</source>
      <translation>{count} in {days} T</translation>
    </message>
    <message>
      <source>none now</source>
      <translation>jetzt keine</translation>
    </message>
    <message>
      <source>{count} now: {kinds}</source>
      <translation>{count} jetzt: {kinds}</translation>
    </message>
    <message>
      <source>nothing</source>
      <translation>nichts</translation>
    </message>
  </context>
  <context>
    <name>AppList</name>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Enter shows the details of the selected app</source>
      <translation>Die Eingabetaste zeigt Näheres zur gewählten App</translation>
    </message>
    <message>
      <source>Clear search</source>
      <translation>Suche leeren</translation>
    </message>
  </context>
  <context>
    <name>Apps</name>
    <message>
      <source>App</source>
      <translation>App</translation>
    </message>
    <message>
      <source>Last 5 min</source>
      <translation>Letzte 5 min</translation>
    </message>
    <message>
      <source>The last 5 minutes, download above upload</source>
      <translation>Die letzten 5 Minuten, Download über Upload</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>{arrow} now</source>
      <translation>{arrow} jetzt</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>This month</source>
      <translation>Dieser Monat</translation>
    </message>
    <message>
      <source>Counted by the interfaces during sleep, pauses or while NetWatch was not running.</source>
      <translation>Von den Schnittstellen gezählt, während der Rechner schlief oder NetWatch nicht lief.</translation>
    </message>
    <message>
      <source>What no connection of an app accounts for: headers, repeated packets; without the helper UDP and QUIC.</source>
      <translation>Was zu keiner Verbindung einer App gehört: Header, wiederholte Pakete; ohne den Helfer auch UDP und QUIC.</translation>
    </message>
    <message>
      <source>{name}
Has no connection now</source>
      <translation>{name}
Hat jetzt keine Verbindung</translation>
    </message>
    <message>
      <source>Processes: {processes}, connections: {connections}</source>
      <translation>Prozesse: {processes}, Verbindungen: {connections}</translation>
    </message>
    <message>
      <source>Within this computer: {down} and {up}, in no sum</source>
      <translation>Innerhalb dieses Rechners: {down} und {up}, in keiner Summe enthalten</translation>
    </message>
    <message>
      <source>A tunnel: what it carries is counted with the apps that use it</source>
      <translation>Ein Tunnel: was er trägt, zählt bei den Apps, die ihn benutzen</translation>
    </message>
    <message>
      <source>While NetWatch was not measuring</source>
      <translation>Während NetWatch nicht gemessen hat</translation>
    </message>
    <message>
      <source>Not of any app</source>
      <translation>Zu keiner App</translation>
    </message>
    <message>
      <source>last 5 minutes</source>
      <translation>letzte 5 Minuten</translation>
    </message>
    <message>
      <source>last hour</source>
      <translation>letzte Stunde</translation>
    </message>
    <message>
      <source>last 24 hours</source>
      <translation>letzte 24 Stunden</translation>
    </message>
    <message>
      <source>last 7 days</source>
      <translation>letzte 7 Tage</translation>
    </message>
    <message>
      <source>last 30 days</source>
      <translation>letzte 30 Tage</translation>
    </message>
    <message>
      <source>last year</source>
      <translation>letztes Jahr</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>1 app uses the network now</source>
      <translation>1 App nutzt jetzt das Netz</translation>
    </message>
    <message>
      <source>{count} apps use the network now</source>
      <translation>{count} Apps nutzen jetzt das Netz</translation>
    </message>
    <message>
      <source>{count} this month</source>
      <translation>{count} diesen Monat</translation>
    </message>
    <message>
      <source>The interfaces are not measured now.</source>
      <translation>Die Schnittstellen werden gerade nicht gemessen.</translation>
    </message>
    <message>
      <source>Rates come with the second reading.</source>
      <translation>Raten gibt es ab der zweiten Messung.</translation>
    </message>
    <message>
      <source>Download now: apps {apps} + not of any app {other} = interfaces {uplink}</source>
      <translation>Download jetzt: Apps {apps} + zu keiner App {other} = Schnittstellen {uplink}</translation>
    </message>
    <message>
      <source>Download: apps {apps} of {uplink}</source>
      <translation>Download: Apps {apps} von {uplink}</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>There is no history</source>
      <translation>Es gibt keinen Verlauf</translation>
    </message>
    <message>
      <source>Over the counted interfaces; the month began on {first}. Updated each minute.</source>
      <translation>Über die gezählten Schnittstellen; der Monat begann am {first}. Jede Minute aktualisiert.</translation>
    </message>
    <message>
      <source>Apps known: {total}, none has “{words}” in its name.</source>
      <translation>Bekannte Apps: {total}, keine hat „{words}“ im Namen.</translation>
    </message>
    <message>
      <source>No app matches</source>
      <translation>Keine App passt</translation>
    </message>
    <message>
      <source>The list returns when the agent runs again.</source>
      <translation>Die Liste ist wieder da, sobald der Agent läuft.</translation>
    </message>
    <message>
      <source>Apps are not known</source>
      <translation>Apps sind nicht bekannt</translation>
    </message>
    <message>
      <source>Reading who uses the network …</source>
      <translation>Es wird gelesen, wer das Netz benutzt …</translation>
    </message>
  </context>
  <context>
    <name>AppsMenu</name>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>Show connections</source>
      <translation>Verbindungen zeigen</translation>
    </message>
    <message>
      <source>Copy name</source>
      <translation>Namen kopieren</translation>
    </message>
    <message>
      <source>Copy program</source>
      <translation>Programm kopieren</translation>
    </message>
    <message>
      <source>Copy rows</source>
      <translation>Zeilen kopieren</translation>
    </message>
    <message>
      <source>Copy all rows</source>
      <translation>Alle Zeilen kopieren</translation>
    </message>
    <message>
      <source>Notify again</source>
      <translation>Wieder melden</translation>
    </message>
    <message>
      <source>Mute alerts</source>
      <translation>Alarme stummschalten</translation>
    </message>
    <message>
      <source>{action} (the agent is not running)</source>
      <translation>{action} (der Agent läuft nicht)</translation>
    </message>
  </context>
  <context>
    <name>AppsPage</name>
    <message>
      <source>Frozen</source>
      <translation>Eingefroren</translation>
    </message>
    <message>
      <source>Live, every {seconds:.0f} s</source>
      <translation>Live, alle {seconds:.0f} s</translation>
    </message>
    <message>
      <source>An app is a program with all its helper processes</source>
      <translation>Eine App ist ein Programm mit allen Hilfsprozessen</translation>
    </message>
    <message>
      <source>{day}: Escape shows today again</source>
      <translation>{day}: Escape zeigt wieder heute</translation>
    </message>
    <message>
      <source>{shown} of {total}</source>
      <translation>{shown} von {total}</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>Nothing is known yet</source>
      <translation>Noch ist nichts bekannt</translation>
    </message>
    <message>
      <source>This month</source>
      <translation>Dieser Monat</translation>
    </message>
  </context>
  <context>
    <name>AppsStrip</name>
    <message>
      <source>Find an app</source>
      <translation>App suchen</translation>
    </message>
    <message>
      <source>Show only apps with this text in their name ({keys} or /)</source>
      <translation>Nur Apps mit diesem Text im Namen zeigen ({keys} oder /)</translation>
    </message>
    <message>
      <source>5 min</source>
      <translation>5 min</translation>
    </message>
    <message>
      <source>1 h</source>
      <translation>1 h</translation>
    </message>
    <message>
      <source>24 h</source>
      <translation>24 h</translation>
    </message>
    <message>
      <source>7 d</source>
      <translation>7 T</translation>
    </message>
    <message>
      <source>30 d</source>
      <translation>30 T</translation>
    </message>
    <message>
      <source>1 y</source>
      <translation>1 J</translation>
    </message>
    <message>
      <source>Time range</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Back to the list (Escape)</source>
      <translation>Zurück zur Liste (Escape)</translation>
    </message>
  </context>
  <context>
    <name>Argparse</name>
    <message>
      <source>usage: </source>
      <translation>Aufruf: </translation>
    </message>
    <message>
      <source>%(prog)s: error: %(message)s
</source>
      <translation>%(prog)s: Fehler: %(message)s
</translation>
    </message>
    <message>
      <source>options</source>
      <translation>Optionen</translation>
    </message>
    <message>
      <source>positional arguments</source>
      <translation>Argumente</translation>
    </message>
    <message>
      <source>show this help message and exit</source>
      <translation>diese Hilfe zeigen</translation>
    </message>
    <message>
      <source>show program's version number and exit</source>
      <translation>die Version zeigen</translation>
    </message>
    <message>
      <source>argument %(argument_name)s: %(message)s</source>
      <translation>Argument %(argument_name)s: %(message)s</translation>
    </message>
    <message>
      <source>unrecognized arguments: %s</source>
      <translation>unbekannte Argumente: %s</translation>
    </message>
    <message>
      <source>invalid choice: %(value)r (choose from %(choices)s)</source>
      <translation>ungültig: %(value)r (möglich: %(choices)s)</translation>
    </message>
    <message>
      <source>expected one argument</source>
      <translation>ein Wert wird erwartet</translation>
    </message>
    <message>
      <source>the following arguments are required: %s</source>
      <translation>diese Argumente fehlen: %s</translation>
    </message>
    <message>
      <source>not allowed with argument %s</source>
      <translation>nicht zusammen mit %s erlaubt</translation>
    </message>
  </context>
  <context>
    <name>Bell</name>
    <message>
      <source>{name}, 1 new alert</source>
      <translation>{name}, 1 neuer Alarm</translation>
    </message>
    <message>
      <source>{name}, {count} new alerts</source>
      <translation>{name}, {count} neue Alarme</translation>
    </message>
  </context>
  <context>
    <name>Chart</name>
    <message>
      <source>amount</source>
      <translation>Menge</translation>
    </message>
    <message>
      <source>average</source>
      <translation>Schnitt</translation>
    </message>
    <message>
      <source>peak</source>
      <translation>Spitze</translation>
    </message>
    <message>
      <source>average {amount} an hour</source>
      <translation>Schnitt {amount} pro Stunde</translation>
    </message>
    <message>
      <source>average {amount} in 6 h</source>
      <translation>Schnitt {amount} in 6 h</translation>
    </message>
    <message>
      <source>average {amount} a day</source>
      <translation>Schnitt {amount} am Tag</translation>
    </message>
    <message>
      <source>average {amount} a week</source>
      <translation>Schnitt {amount} pro Woche</translation>
    </message>
    <message>
      <source>dash: peak of the hour</source>
      <translation>Strich: Spitze der Stunde</translation>
    </message>
    <message>
      <source>dash: peak of 6 h</source>
      <translation>Strich: Spitze von 6 h</translation>
    </message>
    <message>
      <source>dash: peak of the day</source>
      <translation>Strich: Spitze des Tages</translation>
    </message>
    <message>
      <source>dash: peak of the week</source>
      <translation>Strich: Spitze der Woche</translation>
    </message>
    <message>
      <source>line: average of {length}</source>
      <translation>Linie: Schnitt von {length}</translation>
    </message>
    <message>
      <source>▴: peak above this scale</source>
      <translation>▴: Spitze über dieser Skala</translation>
    </message>
    <message>
      <source>pale: not measured</source>
      <translation>blass: nicht gemessen</translation>
    </message>
    <message>
      <source>Rate</source>
      <translation>Rate</translation>
    </message>
    <message>
      <source>today</source>
      <translation>heute</translation>
    </message>
    <message>
      <source>now</source>
      <translation>jetzt</translation>
    </message>
    <message>
      <source>nothing measured</source>
      <translation>nichts gemessen</translation>
    </message>
    <message>
      <source>measured by another program</source>
      <translation>von einem anderen Programm gemessen</translation>
    </message>
    <message>
      <source>measured completely</source>
      <translation>vollständig gemessen</translation>
    </message>
    <message>
      <source>measured {time}</source>
      <translation>gemessen {time}</translation>
    </message>
    <message>
      <source>{first}–{last} h</source>
      <translation>{first}–{last} Uhr</translation>
    </message>
    <message>
      <source>nothing recorded before {time}</source>
      <translation>vor {time} nichts aufgezeichnet</translation>
    </message>
    <message>
      <source>{time} known</source>
      <translation>{time} bekannt</translation>
    </message>
    <message>
      <source>average {average}, peak {peak}</source>
      <translation>Schnitt {average}, Spitze {peak}</translation>
    </message>
    <message>
      <source>{reason} for {length}</source>
      <translation>{reason}: {length}</translation>
    </message>
    <message>
      <source>{reason} {count} times, {length} on average</source>
      <translation>{reason}: {count}-mal, im Schnitt {length}</translation>
    </message>
    <message>
      <source>download {rate}</source>
      <translation>Download {rate}</translation>
    </message>
    <message>
      <source>upload {rate}</source>
      <translation>Upload {rate}</translation>
    </message>
    <message>
      <source>no data</source>
      <translation>keine Daten</translation>
    </message>
    <message>
      <source>{reason} until {time}</source>
      <translation>{reason} bis {time}</translation>
    </message>
    <message>
      <source>{reason} since {time}</source>
      <translation>{reason} seit {time}</translation>
    </message>
    <message>
      <source>{count} more</source>
      <translation>{count} weitere</translation>
    </message>
    <message>
      <source>peak {rate}</source>
      <translation>Spitze {rate}</translation>
    </message>
    <message>
      <source>Total rate</source>
      <translation>Gesamtrate</translation>
    </message>
    <message>
      <source>Rate of {name}</source>
      <translation>Rate von {name}</translation>
    </message>
    <message>
      <source>peak {rate} at {time}</source>
      <translation>Spitze {rate} um {time}</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
  </context>
  <context>
    <name>ChartTable</name>
    <message>
      <source>Time</source>
      <translation>Zeit</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>peak</source>
      <translation>Spitze</translation>
    </message>
    <message>
      <source>Gap</source>
      <translation>Lücke</translation>
    </message>
  </context>
  <context>
    <name>Chip</name>
    <message>
      <source>muted</source>
      <translation>stumm</translation>
    </message>
  </context>
  <context>
    <name>ChipRow</name>
    <message>
      <source>Kinds of events</source>
      <translation>Arten von Ereignissen</translation>
    </message>
    <message>
      <source>All</source>
      <translation>Alle</translation>
    </message>
    <message>
      <source>{count} kinds</source>
      <translation>{count} Arten</translation>
    </message>
    <message>
      <source>{count} more kinds</source>
      <translation>{count} weitere Arten</translation>
    </message>
  </context>
  <context>
    <name>CliProcess</name>
    <message>
      <source>It ended without a message.</source>
      <translation>Es endete ohne Meldung.</translation>
    </message>
  </context>
  <context>
    <name>ConnectionDetails</name>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>Close the details (Escape)</source>
      <translation>Einzelheiten schließen (Esc)</translation>
    </message>
    <message>
      <source>Close the details</source>
      <translation>Einzelheiten schließen</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>Kopieren</translation>
    </message>
    <message>
      <source>Only this app</source>
      <translation>Nur diese App</translation>
    </message>
    <message>
      <source>Nothing selected</source>
      <translation>Nichts ausgewählt</translation>
    </message>
    <message>
      <source>Choose a connection in the table.</source>
      <translation>Wählen Sie eine Verbindung in der Tabelle.</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>All of the group together</source>
      <translation>Die ganze Gruppe zusammen</translation>
    </message>
    <message>
      <source>Now</source>
      <translation>Jetzt</translation>
    </message>
    <message>
      <source>Program unknown</source>
      <translation>Programm unbekannt</translation>
    </message>
    <message>
      <source>Connection</source>
      <translation>Verbindung</translation>
    </message>
    <message>
      <source>Host</source>
      <translation>Host</translation>
    </message>
    <message>
      <source>Name from</source>
      <translation>Name aus</translation>
    </message>
    <message>
      <source>Remote</source>
      <translation>Gegenstelle</translation>
    </message>
    <message>
      <source>Reaches</source>
      <translation>Reicht bis</translation>
    </message>
    <message>
      <source>Country</source>
      <translation>Land</translation>
    </message>
    <message>
      <source>Local</source>
      <translation>Lokal</translation>
    </message>
    <message>
      <source>Interface</source>
      <translation>Schnittstelle</translation>
    </message>
    <message>
      <source>State</source>
      <translation>Zustand</translation>
    </message>
    <message>
      <source>Opened by</source>
      <translation>Geöffnet von</translation>
    </message>
    <message>
      <source>Since</source>
      <translation>Seit</translation>
    </message>
    <message>
      <source>Received</source>
      <translation>Empfangen</translation>
    </message>
    <message>
      <source>Sent</source>
      <translation>Gesendet</translation>
    </message>
    <message>
      <source>Round trip</source>
      <translation>Umlaufzeit</translation>
    </message>
    <message>
      <source>Retransmits</source>
      <translation>Wiederholungen</translation>
    </message>
    <message>
      <source>Process</source>
      <translation>Prozess</translation>
    </message>
    <message>
      <source>Name</source>
      <translation>Name</translation>
    </message>
    <message>
      <source>PID</source>
      <translation>PID</translation>
    </message>
    <message>
      <source>User</source>
      <translation>Benutzer</translation>
    </message>
    <message>
      <source>Unit</source>
      <translation>Dienst</translation>
    </message>
    <message>
      <source>the other side</source>
      <translation>der Gegenstelle</translation>
    </message>
    <message>
      <source>this computer</source>
      <translation>diesem Rechner</translation>
    </message>
    <message>
      <source>before NetWatch</source>
      <translation>vor NetWatch</translation>
    </message>
  </context>
  <context>
    <name>Connections</name>
    <message>
      <source>App</source>
      <translation>App</translation>
    </message>
    <message>
      <source>PID</source>
      <translation>PID</translation>
    </message>
    <message>
      <source>Protocol</source>
      <translation>Protokoll</translation>
    </message>
    <message>
      <source>Host</source>
      <translation>Host</translation>
    </message>
    <message>
      <source>Local</source>
      <translation>Lokal</translation>
    </message>
    <message>
      <source>Remote</source>
      <translation>Gegenstelle</translation>
    </message>
    <message>
      <source>State</source>
      <translation>Zustand</translation>
    </message>
    <message>
      <source>UDP has no states</source>
      <translation>UDP hat keine Zustände</translation>
    </message>
    <message>
      <source>RTT</source>
      <translation>RTT</translation>
    </message>
    <message>
      <source>Round trip: how long an answer takes on the way</source>
      <translation>Umlaufzeit: wie lange eine Antwort unterwegs ist</translation>
    </message>
    <message>
      <source>Age</source>
      <translation>Alter</translation>
    </message>
    <message>
      <source>Opened before NetWatch started to measure</source>
      <translation>Schon offen, bevor NetWatch zu messen begann</translation>
    </message>
    <message>
      <source>TLS greeting</source>
      <translation>TLS-Begrüßung</translation>
    </message>
    <message>
      <source>QUIC greeting</source>
      <translation>QUIC-Begrüßung</translation>
    </message>
    <message>
      <source>DNS response</source>
      <translation>DNS-Antwort</translation>
    </message>
    <message>
      <source>Name from: {origin}</source>
      <translation>Name aus: {origin}</translation>
    </message>
    <message>
      <source>This is the name of the provider; the real one is encrypted.</source>
      <translation>Das ist der Name des Anbieters; der eigentliche ist verschlüsselt.</translation>
    </message>
    <message>
      <source>Part of the greeting is encrypted; this may be the name of the provider alone.</source>
      <translation>Ein Teil der Begrüßung ist verschlüsselt; vielleicht ist das nur der Name des Anbieters.</translation>
    </message>
    <message>
      <source>This computer</source>
      <translation>Dieser Rechner</translation>
    </message>
    <message>
      <source>Local network</source>
      <translation>Lokales Netz</translation>
    </message>
    <message>
      <source>Internet</source>
      <translation>Internet</translation>
    </message>
    <message>
      <source>Closed</source>
      <translation>Geschlossen</translation>
    </message>
    <message>
      <source>Listening</source>
      <translation>Lauscht</translation>
    </message>
    <message>
      <source>The bytes of UDP are counted for each peer, where the helper is set up</source>
      <translation>Die Bytes von UDP werden je Gegenstelle gezählt, wo der Helfer eingerichtet ist</translation>
    </message>
    <message>
      <source>The system does not count the bytes of a UDP socket</source>
      <translation>Das System zählt die Bytes eines UDP-Sockets nicht</translation>
    </message>
    <message>
      <source>A listening socket carries nothing itself</source>
      <translation>Ein lauschender Socket überträgt selbst nichts</translation>
    </message>
    <message>
      <source>Not known at this moment</source>
      <translation>Im Augenblick nicht bekannt</translation>
    </message>
    <message>
      <source>Process: {name}</source>
      <translation>Prozess: {name}</translation>
    </message>
    <message>
      <source>It belongs to another user, whose programs may not be read. Its rates are measured all the same.</source>
      <translation>Er gehört einem anderen Benutzer, dessen Programme nicht gelesen werden dürfen. Seine Raten werden trotzdem gemessen.</translation>
    </message>
    <message>
      <source>The program is not known: its process has exited, or the system does not report it.</source>
      <translation>Das Programm ist nicht bekannt: Sein Prozess ist beendet, oder das System meldet ihn nicht.</translation>
    </message>
    <message>
      <source>1 connection</source>
      <translation>1 Verbindung</translation>
    </message>
    <message>
      <source>{count} connections</source>
      <translation>{count} Verbindungen</translation>
    </message>
    <message>
      <source>Program unknown</source>
      <translation>Programm unbekannt</translation>
    </message>
    <message>
      <source>No remote address</source>
      <translation>Ohne Gegenstelle</translation>
    </message>
  </context>
  <context>
    <name>ConnectionsBar</name>
    <message>
      <source>app: host: port: proto: scope: country: rate&gt;1M, or any word</source>
      <translation>app: host: port: proto: scope: country: rate&gt;1M oder ein Wort</translation>
    </message>
    <message>
      <source>Filter connections</source>
      <translation>Verbindungen filtern</translation>
    </message>
    <message>
      <source>All conditions must hold; a comma means “or”, - negates a condition ({keys} or /)</source>
      <translation>Alle Bedingungen müssen zutreffen; ein Komma heißt „oder“, - verneint eine Bedingung ({keys} oder /)</translation>
    </message>
    <message>
      <source>Group by app, by host or not at all ({keys})</source>
      <translation>Nach App, nach Host oder gar nicht gruppieren ({keys})</translation>
    </message>
    <message>
      <source>Copy and export</source>
      <translation>Kopieren und exportieren</translation>
    </message>
    <message>
      <source>Details of the selected connection (Enter)</source>
      <translation>Einzelheiten der gewählten Verbindung (Eingabe)</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>No groups</source>
      <translation>Ungruppiert</translation>
    </message>
    <message>
      <source>Group by app</source>
      <translation>Nach App</translation>
    </message>
    <message>
      <source>Group by host</source>
      <translation>Nach Host</translation>
    </message>
    <message>
      <source>Grouping: {name}</source>
      <translation>Gruppierung: {name}</translation>
    </message>
    <message>
      <source>By app</source>
      <translation>Nach App</translation>
    </message>
    <message>
      <source>By host</source>
      <translation>Nach Host</translation>
    </message>
  </context>
  <context>
    <name>ConnectionsMenu</name>
    <message>
      <source>Copy cell</source>
      <translation>Zelle kopieren</translation>
    </message>
    <message>
      <source>Copy rows</source>
      <translation>Zeilen kopieren</translation>
    </message>
    <message>
      <source>Copy all rows</source>
      <translation>Alle Zeilen kopieren</translation>
    </message>
    <message>
      <source>Export as CSV …</source>
      <translation>Als CSV exportieren …</translation>
    </message>
    <message>
      <source>Export as JSON …</source>
      <translation>Als JSON exportieren …</translation>
    </message>
    <message>
      <source>Export connections</source>
      <translation>Verbindungen exportieren</translation>
    </message>
  </context>
  <context>
    <name>ConnectionsPage</name>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Clear filter</source>
      <translation>Filter leeren</translation>
    </message>
    <message>
      <source>Sockets: {total}, listening: {listening}</source>
      <translation>Sockets: {total}, lauschend: {listening}</translation>
    </message>
    <message>
      <source>Live, every {seconds:.0f} s</source>
      <translation>Live, alle {seconds:.0f} s</translation>
    </message>
    <message>
      <source>Frozen</source>
      <translation>Eingefroren</translation>
    </message>
    <message>
      <source>In TIME_WAIT, not shown: {count} (state:time)</source>
      <translation>In TIME_WAIT, nicht gezeigt: {count} (state:time)</translation>
    </message>
    <message>
      <source>read with {source}</source>
      <translation>gelesen mit {source}</translation>
    </message>
    <message>
      <source>The connection list may be old</source>
      <translation>Die Verbindungsliste ist vielleicht alt</translation>
    </message>
    <message>
      <source>The list was not saved</source>
      <translation>Die Liste wurde nicht gespeichert</translation>
    </message>
    <message>
      <source>{shown} of {total}</source>
      <translation>{shown} von {total}</translation>
    </message>
    <message>
      <source>The only socket does not match “{words}”. New matches appear automatically.</source>
      <translation>Der einzige Socket passt nicht zu „{words}“. Neue Treffer erscheinen von selbst.</translation>
    </message>
    <message>
      <source>None of the {total} sockets matches “{words}”. New matches appear automatically.</source>
      <translation>Keiner der {total} Sockets passt zu „{words}“. Neue Treffer erscheinen von selbst.</translation>
    </message>
    <message>
      <source>No connection matches</source>
      <translation>Keine Verbindung passt</translation>
    </message>
    <message>
      <source>The connection list is missing</source>
      <translation>Die Verbindungsliste fehlt</translation>
    </message>
    <message>
      <source>Connections are not known</source>
      <translation>Verbindungen sind nicht bekannt</translation>
    </message>
    <message>
      <source>The list returns when the agent runs again.</source>
      <translation>Die Liste ist wieder da, sobald der Agent läuft.</translation>
    </message>
    <message>
      <source>No connections</source>
      <translation>Keine Verbindungen</translation>
    </message>
    <message>
      <source>No program has a socket open. The list fills by itself when one does.</source>
      <translation>Kein Programm hat einen Socket offen. Die Liste füllt sich dann von selbst.</translation>
    </message>
    <message>
      <source>Reading the connections …</source>
      <translation>Die Verbindungen werden gelesen …</translation>
    </message>
  </context>
  <context>
    <name>Cost</name>
    <message>
      <source>memory {memory} ({measure})</source>
      <translation>Speicher {memory} ({measure})</translation>
    </message>
    <message>
      <source>CPU {percent:.1f} %, memory {memory} ({measure})</source>
      <translation>CPU {percent:.1f} %, Speicher {memory} ({measure})</translation>
    </message>
  </context>
  <context>
    <name>CountedInterfaces</name>
    <message>
      <source>Not there at this moment</source>
      <translation>Im Augenblick nicht da</translation>
    </message>
    <message>
      <source>Automatic</source>
      <translation>Automatisch</translation>
    </message>
    <message>
      <source>Count</source>
      <translation>Zählen</translation>
    </message>
    <message>
      <source>Leave out</source>
      <translation>Weglassen</translation>
    </message>
    <message>
      <source>{name} in the total</source>
      <translation>{name} in der Summe</translation>
    </message>
  </context>
  <context>
    <name>DayPane</name>
    <message>
      <source>Show in Apps</source>
      <translation>In Apps zeigen</translation>
    </message>
    <message>
      <source>Day before</source>
      <translation>Tag davor</translation>
    </message>
    <message>
      <source>Day after</source>
      <translation>Tag danach</translation>
    </message>
    <message>
      <source>Close the day</source>
      <translation>Tag schließen</translation>
    </message>
    <message>
      <source>Close the day (Escape)</source>
      <translation>Tag schließen (Escape)</translation>
    </message>
    <message>
      <source>In all networks.</source>
      <translation>In allen Netzen.</translation>
    </message>
    <message>
      <source>Per hour</source>
      <translation>Je Stunde</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Networks</source>
      <translation>Netze</translation>
    </message>
    <message>
      <source>Busiest of the period.</source>
      <translation>Der Tag mit dem meisten Verkehr in diesem Zeitraum.</translation>
    </message>
    <message>
      <source>Nothing is known of this day.</source>
      <translation>Von diesem Tag ist nichts bekannt.</translation>
    </message>
    <message>
      <source>Usual on such a day: {amount}.</source>
      <translation>Üblich an so einem Tag: {amount}.</translation>
    </message>
  </context>
  <context>
    <name>EventDetails</name>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>Close the details (Escape)</source>
      <translation>Einzelheiten schließen (Esc)</translation>
    </message>
    <message>
      <source>Close the details</source>
      <translation>Einzelheiten schließen</translation>
    </message>
    <message>
      <source>Muted events are still recorded and counted here. They never notify.</source>
      <translation>Stumme Ereignisse werden hier weiter aufgezeichnet und gezählt. Sie melden sich nie.</translation>
    </message>
    <message>
      <source>Nothing selected</source>
      <translation>Nichts gewählt</translation>
    </message>
    <message>
      <source>Why this is an alert</source>
      <translation>Warum das ein Alarm ist</translation>
    </message>
    <message>
      <source>Why this is recorded</source>
      <translation>Warum das aufgezeichnet ist</translation>
    </message>
    <message>
      <source>{level} at {time}</source>
      <translation>{level} um {time}</translation>
    </message>
    <message>
      <source>{count} times since {time}</source>
      <translation>{count}-mal seit {time}</translation>
    </message>
  </context>
  <context>
    <name>EventWords</name>
    <message>
      <source>New app</source>
      <translation>Neue App</translation>
    </message>
    <message>
      <source>new apps</source>
      <translation>neue Apps</translation>
    </message>
    <message>
      <source>New port</source>
      <translation>Neuer Port</translation>
    </message>
    <message>
      <source>new ports</source>
      <translation>neue Ports</translation>
    </message>
    <message>
      <source>Unusual upload</source>
      <translation>Ungewöhnlicher Upload</translation>
    </message>
    <message>
      <source>unusual uploads</source>
      <translation>ungewöhnliche Uploads</translation>
    </message>
    <message>
      <source>Regular connections</source>
      <translation>Regelmäßige Verbindungen</translation>
    </message>
    <message>
      <source>regular connections</source>
      <translation>regelmäßige Verbindungen</translation>
    </message>
    <message>
      <source>Port scan</source>
      <translation>Portscan</translation>
    </message>
    <message>
      <source>port scans</source>
      <translation>Portscans</translation>
    </message>
    <message>
      <source>Data in DNS names</source>
      <translation>Daten in DNS-Namen</translation>
    </message>
    <message>
      <source>data in DNS names</source>
      <translation>Übertragungen in DNS-Namen</translation>
    </message>
    <message>
      <source>Names that do not exist</source>
      <translation>Namen, die es nicht gibt</translation>
    </message>
    <message>
      <source>names that do not exist</source>
      <translation>nicht vorhandene Namen</translation>
    </message>
    <message>
      <source>Data plan</source>
      <translation>Datenvolumen</translation>
    </message>
    <message>
      <source>data plan notices</source>
      <translation>Hinweise zum Datenvolumen</translation>
    </message>
    <message>
      <source>Offline times</source>
      <translation>Offline-Zeiten</translation>
    </message>
    <message>
      <source>offline times</source>
      <translation>Zeiten ohne Verbindung</translation>
    </message>
    <message>
      <source>Total moved</source>
      <translation>Summe gewechselt</translation>
    </message>
    <message>
      <source>moves of the total</source>
      <translation>Wechsel der Summe</translation>
    </message>
    <message>
      <source>Gateway silent</source>
      <translation>Gateway antwortet nicht</translation>
    </message>
    <message>
      <source>gateway failures</source>
      <translation>Ausfälle des Gateways</translation>
    </message>
    <message>
      <source>DNS server silent</source>
      <translation>DNS-Server antwortet nicht</translation>
    </message>
    <message>
      <source>DNS server failures</source>
      <translation>Ausfälle des DNS-Servers</translation>
    </message>
    <message>
      <source>The agent itself</source>
      <translation>Der Agent selbst</translation>
    </message>
    <message>
      <source>events of the agent</source>
      <translation>Ereignisse des Agenten</translation>
    </message>
    <message>
      <source>Unknown event</source>
      <translation>Unbekanntes Ereignis</translation>
    </message>
    <message>
      <source>unknown events</source>
      <translation>unbekannte Ereignisse</translation>
    </message>
    <message>
      <source>An unknown app</source>
      <translation>Eine unbekannte App</translation>
    </message>
    <message>
      <source>Mute {what}</source>
      <translation>{what} stummschalten</translation>
    </message>
    <message>
      <source>Unmute {what}</source>
      <translation>{what} nicht mehr stummschalten</translation>
    </message>
    <message>
      <source>everything of {name}</source>
      <translation>alles von {name}</translation>
    </message>
    <message>
      <source>all {events}</source>
      <translation>{events} (alle)</translation>
    </message>
    <message>
      <source>{events} of {name}</source>
      <translation>{events} von {name}</translation>
    </message>
    <message>
      <source>first host {host}</source>
      <translation>erster Host {host}</translation>
    </message>
    <message>
      <source>{app} used the network for the first time</source>
      <translation>{app} hat zum ersten Mal das Netz benutzt</translation>
    </message>
    <message>
      <source>The history does not have this app. During the first day of a history no app is reported as new.</source>
      <translation>Der Verlauf kennt diese App nicht. Am ersten Tag eines Verlaufs wird keine App als neu gemeldet.</translation>
    </message>
    <message>
      <source>{app} now listens on {protocol} {port}, all addresses</source>
      <translation>{app} nimmt jetzt Verbindungen an {protocol} {port} an, auf allen Adressen</translation>
    </message>
    <message>
      <source>{app} now listens on {protocol} {port}, address {address}</source>
      <translation>{app} nimmt jetzt Verbindungen an {protocol} {port} an, auf der Adresse {address}</translation>
    </message>
    <message>
      <source>reachable from the network; before only {addresses}</source>
      <translation>aus dem Netz erreichbar; vorher nur {addresses}</translation>
    </message>
    <message>
      <source>reachable from the network</source>
      <translation>aus dem Netz erreichbar</translation>
    </message>
    <message>
      <source>The port opened while NetWatch was watching, and other computers may be able to reach it.</source>
      <translation>Der Port wurde geöffnet, während NetWatch zusah, und andere Rechner können ihn vielleicht erreichen.</translation>
    </message>
    <message>
      <source>{app} sent {sent} in one day, {times} times its usual day</source>
      <translation>{app} hat an einem Tag {sent} gesendet, das {times}-Fache eines üblichen Tages</translation>
    </message>
    <message>
      <source>{app} sent {sent} in one day, and usually sends nothing</source>
      <translation>{app} hat an einem Tag {sent} gesendet und sendet sonst nichts</translation>
    </message>
    <message>
      <source>More than {times} times the usual day of this app (the median of {days} days) and more than {least}. It is reported once a day and app.</source>
      <translation>Mehr als das {times}-Fache eines üblichen Tages dieser App (Median von {days} Tagen) und mehr als {least}. Das wird je App einmal am Tag gemeldet.</translation>
    </message>
    <message>
      <source>usual day {usual}, greatest in {days} days {greatest}</source>
      <translation>üblicher Tag {usual}, höchster von {days} Tagen {greatest}</translation>
    </message>
    <message>
      <source>This computer</source>
      <translation>Dieser Rechner</translation>
    </message>
    <message>
      <source>{app} sent {rate} for {duration}</source>
      <translation>{app} hat {duration} lang {rate} gesendet</translation>
    </message>
    <message>
      <source>limit {rate} for {duration}</source>
      <translation>Grenze: {rate}, {duration} lang</translation>
    </message>
    <message>
      <source>The settings have a limit: an upload above {rate} that lasts {duration} is an alert.</source>
      <translation>In den Einstellungen steht eine Grenze: Ein Upload über {rate}, der {duration} dauert, löst einen Alarm aus.</translation>
    </message>
    <message>
      <source>{count} times</source>
      <translation>{count}-mal</translation>
    </message>
    <message>
      <source>{size} each</source>
      <translation>je {size}</translation>
    </message>
    <message>
      <source>never more than {duration} early or late</source>
      <translation>nie mehr als {duration} zu früh oder zu spät</translation>
    </message>
    <message>
      <source>At least {times} connections to one host came so regularly that their intervals vary by less than {percent} %. Programs that wait for news do this, and so do programs that report to somebody.</source>
      <translation>Mindestens {times} Verbindungen zu einem Host kamen so regelmäßig, dass ihre Abstände um weniger als {percent} % schwanken. Das tun Programme, die auf Neues warten, und solche, die jemandem berichten.</translation>
    </message>
    <message>
      <source>{app} connects to {host} every {duration}</source>
      <translation>{app} verbindet sich alle {duration} mit {host}</translation>
    </message>
    <message>
      <source>within {duration}</source>
      <translation>innerhalb von {duration}</translation>
    </message>
    <message>
      <source>{app} tried port {port} of {hosts} hosts</source>
      <translation>{app} hat Port {port} an {hosts} Hosts versucht</translation>
    </message>
    <message>
      <source>One program tried the same port of at least {count} hosts within {duration}.</source>
      <translation>Ein Programm hat innerhalb von {duration} denselben Port an mindestens {count} Hosts versucht.</translation>
    </message>
    <message>
      <source>A host tried {ports} ports of yours</source>
      <translation>Ein Host hat {ports} Ihrer Ports versucht</translation>
    </message>
    <message>
      <source>A computer in this network tried {ports} ports of yours</source>
      <translation>Ein Rechner in diesem Netz hat {ports} Ihrer Ports versucht</translation>
    </message>
    <message>
      <source>A host on the Internet tried {ports} ports of yours</source>
      <translation>Ein Host im Internet hat {ports} Ihrer Ports versucht</translation>
    </message>
    <message>
      <source>answered: {ports}</source>
      <translation>geantwortet haben: {ports}</translation>
    </message>
    <message>
      <source>One host tried at least {count} ports within {duration}.</source>
      <translation>Ein Host hat innerhalb von {duration} mindestens {count} Ports versucht.</translation>
    </message>
    <message>
      <source>Somebody may be trying ports of yours: {count} refused</source>
      <translation>Jemand versucht vielleicht Ihre Ports: {count} abgewiesen</translation>
    </message>
    <message>
      <source>within {duration}; the source is not known without the helper</source>
      <translation>innerhalb von {duration}; ohne den Helfer ist der Absender nicht bekannt</translation>
    </message>
    <message>
      <source>The system refused at least {count} packets within {duration}. It does not report who sent them.</source>
      <translation>Das System hat innerhalb von {duration} mindestens {count} Pakete abgewiesen. Wer sie geschickt hat, teilt es nicht mit.</translation>
    </message>
    <message>
      <source>Names requested by {app} look like carried data</source>
      <translation>Von {app} angefragte Namen sehen aus wie übertragene Daten</translation>
    </message>
    <message>
      <source>Requested names look like carried data</source>
      <translation>Angefragte Namen sehen aus wie übertragene Daten</translation>
    </message>
    <message>
      <source>At least {labels} different names below one domain within {duration}, longer than {length} characters on average and as varied as random ones ({entropy} bits a character).</source>
      <translation>Mindestens {labels} verschiedene Namen unter einer Domain innerhalb von {duration}, im Mittel länger als {length} Zeichen und so gemischt wie zufällige ({entropy} Bit je Zeichen).</translation>
    </message>
    <message>
      <source>{count} queries below {domain} in {duration}, {length} characters each on average</source>
      <translation>{count} Anfragen unter {domain} in {duration}, im Mittel je {length} Zeichen</translation>
    </message>
    <message>
      <source>{app} requested many names that do not exist</source>
      <translation>{app} hat viele Namen angefragt, die es nicht gibt</translation>
    </message>
    <message>
      <source>Many requested names do not exist</source>
      <translation>Viele angefragte Namen gibt es nicht</translation>
    </message>
    <message>
      <source>{nxdomain} of {responses} responses in {duration}</source>
      <translation>{nxdomain} von {responses} Antworten in {duration}</translation>
    </message>
    <message>
      <source>At least {count} responses within {duration} were that the name does not exist, and these were at least {percent} % of all.</source>
      <translation>Mindestens {count} Antworten innerhalb von {duration} lauteten, dass es den Namen nicht gibt, und das waren mindestens {percent} % aller Antworten.</translation>
    </message>
    <message>
      <source>days left: {days}, {amount} a day</source>
      <translation>Tage übrig: {days}, {amount} am Tag</translation>
    </message>
    <message>
      <source>days left: {days}</source>
      <translation>Tage übrig: {days}</translation>
    </message>
    <message>
      <source>{percent} % of the data plan for {period} used: {used} of {cap}</source>
      <translation>{percent} % des Datenvolumens für {period} verbraucht: {used} von {cap}</translation>
    </message>
    <message>
      <source>Reported at 80 % and at 100 % of the data plan, once each in a billing month.</source>
      <translation>Wird bei 80 % und bei 100 % des Datenvolumens gemeldet, je einmal im Abrechnungsmonat.</translation>
    </message>
    <message>
      <source>Offline since {start}</source>
      <translation>Offline seit {start}</translation>
    </message>
    <message>
      <source>Offline {start}–{end}</source>
      <translation>Offline von {start} bis {end}</translation>
    </message>
    <message>
      <source>No interface had a default route for more than some seconds.</source>
      <translation>Mehr als einige Sekunden lang hatte keine Schnittstelle eine Standardroute.</translation>
    </message>
    <message>
      <source>no interface</source>
      <translation>keine Schnittstelle</translation>
    </message>
    <message>
      <source>The total moved from {before} to {after}</source>
      <translation>Die Summe kommt jetzt von {after} statt von {before}</translation>
    </message>
    <message>
      <source>the default route changed</source>
      <translation>die Standardroute hat sich geändert</translation>
    </message>
    <message>
      <source>Other interfaces lead out of this computer than before, so these make the total.</source>
      <translation>Aus diesem Rechner führen andere Schnittstellen als vorher; sie ergeben jetzt die Summe.</translation>
    </message>
    <message>
      <source>The gateway {address} did not answer for {duration}</source>
      <translation>Das Gateway {address} hat {duration} lang nicht geantwortet</translation>
    </message>
    <message>
      <source>The DNS server {address} did not answer for {duration}</source>
      <translation>Der DNS-Server {address} hat {duration} lang nicht geantwortet</translation>
    </message>
    <message>
      <source>Several probes in a row had no answer. Probes run only where the settings allow it.</source>
      <translation>Mehrere Proben hintereinander blieben ohne Antwort. Geprüft wird nur, wo die Einstellungen es erlauben.</translation>
    </message>
    <message>
      <source>still silent</source>
      <translation>weiterhin ohne Antwort</translation>
    </message>
    <message>
      <source>answers again since {time}</source>
      <translation>antwortet wieder seit {time}</translation>
    </message>
    <message>
      <source>The charts have a gap there. Bytes that passed meanwhile are in the totals.</source>
      <translation>Die Diagramme haben dort eine Lücke. Bytes, die währenddessen übertragen wurden, sind in den Summen.</translation>
    </message>
    <message>
      <source>The agent was restarted</source>
      <translation>Der Agent wurde neu gestartet</translation>
    </message>
    <message>
      <source>The agent was restarted, {duration} not measured</source>
      <translation>Der Agent wurde neu gestartet, {duration} nicht gemessen</translation>
    </message>
    <message>
      <source>{duration} not measured</source>
      <translation>{duration} nicht gemessen</translation>
    </message>
    <message>
      <source>Slept {begin} – {end}</source>
      <translation>Ruhezustand von {begin} bis {end}</translation>
    </message>
    <message>
      <source>Further {events} were not kept: {count}</source>
      <translation>Nicht mehr aufgehoben ({events}): {count}</translation>
    </message>
    <message>
      <source>At most {count} events of a kind are kept in {duration}.</source>
      <translation>Von jeder Art werden in {duration} höchstens {count} Ereignisse aufgehoben.</translation>
    </message>
  </context>
  <context>
    <name>Events</name>
    <message>
      <source>Show connections</source>
      <translation>Verbindungen zeigen</translation>
    </message>
    <message>
      <source>Show app</source>
      <translation>App zeigen</translation>
    </message>
    <message>
      <source>Open Usage</source>
      <translation>Verbrauch öffnen</translation>
    </message>
    <message>
      <source>Why this total</source>
      <translation>Warum diese Summe</translation>
    </message>
    <message>
      <source>Show once</source>
      <translation>Einmal zeigen</translation>
    </message>
    <message>
      <source>Unmute</source>
      <translation>Nicht mehr stumm</translation>
    </message>
    <message>
      <source>Expected</source>
      <translation>Erwartet</translation>
    </message>
    <message>
      <source>Mute this app</source>
      <translation>App stumm</translation>
    </message>
    <message>
      <source>Mute this host</source>
      <translation>Host stumm</translation>
    </message>
    <message>
      <source>Mute this kind</source>
      <translation>Art stumm</translation>
    </message>
    <message>
      <source>New app</source>
      <translation>Neue App</translation>
    </message>
    <message>
      <source>No new app in {span}</source>
      <translation>Keine neue App ({span})</translation>
    </message>
    <message>
      <source>New apps not shown: {count}. This kind is muted</source>
      <translation>Neue Apps, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>New apps are muted: recorded, without notification.</source>
      <translation>Neue Apps sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>New port</source>
      <translation>Neuer Port</translation>
    </message>
    <message>
      <source>No new port in {span}</source>
      <translation>Kein neuer Port ({span})</translation>
    </message>
    <message>
      <source>New ports not shown: {count}. This kind is muted</source>
      <translation>Neue Ports, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>New ports are muted: recorded, without notification.</source>
      <translation>Neue Ports sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>No unusual upload in {span}</source>
      <translation>Kein ungewöhnlicher Upload ({span})</translation>
    </message>
    <message>
      <source>Unusual uploads not shown: {count}. This kind is muted</source>
      <translation>Ungewöhnliche Uploads, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>Unusual uploads are muted: recorded, without notification.</source>
      <translation>Ungewöhnliche Uploads sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Beacon</source>
      <translation>Takt</translation>
    </message>
    <message>
      <source>No steady beacon in {span}</source>
      <translation>Keine regelmäßigen Verbindungen ({span})</translation>
    </message>
    <message>
      <source>Steady beacons not shown: {count}. This kind is muted</source>
      <translation>Regelmäßige Verbindungen, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>Steady beacons are muted: recorded, without notification.</source>
      <translation>Regelmäßige Verbindungen sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Scan</source>
      <translation>Scan</translation>
    </message>
    <message>
      <source>No port scan in {span}</source>
      <translation>Kein Portscan ({span})</translation>
    </message>
    <message>
      <source>Port scans not shown: {count}. This kind is muted</source>
      <translation>Portscans, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>Port scans are muted: recorded, without notification.</source>
      <translation>Portscans sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>DNS</source>
      <translation>DNS</translation>
    </message>
    <message>
      <source>Nothing unusual in DNS in {span}</source>
      <translation>Nichts Ungewöhnliches im DNS ({span})</translation>
    </message>
    <message>
      <source>DNS events not shown: {count}. This kind is muted</source>
      <translation>DNS-Ereignisse, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>DNS events are muted: recorded, without notification.</source>
      <translation>DNS-Ereignisse sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Plan</source>
      <translation>Tarif</translation>
    </message>
    <message>
      <source>No notice of the data plan in {span}</source>
      <translation>Kein Hinweis zum Datentarif ({span})</translation>
    </message>
    <message>
      <source>Notices of the data plan not shown: {count}. This kind is muted</source>
      <translation>Hinweise zum Datentarif, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>Notices of the data plan are muted: recorded, without notification.</source>
      <translation>Hinweise zum Datentarif sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Line</source>
      <translation>Leitung</translation>
    </message>
    <message>
      <source>No change of the line in {span}</source>
      <translation>Keine Änderung der Leitung ({span})</translation>
    </message>
    <message>
      <source>Changes of the line not shown: {count}. This kind is muted</source>
      <translation>Änderungen der Leitung, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>Changes of the line are muted: recorded, without notification.</source>
      <translation>Änderungen der Leitung sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Nothing about NetWatch itself in {span}</source>
      <translation>Nichts über NetWatch selbst ({span})</translation>
    </message>
    <message>
      <source>Events of NetWatch itself not shown: {count}. This kind is muted</source>
      <translation>Ereignisse von NetWatch selbst, nicht gezeigt: {count}. Diese Art ist stumm</translation>
    </message>
    <message>
      <source>Events of NetWatch itself are muted: recorded, without notification.</source>
      <translation>Ereignisse von NetWatch selbst sind stumm: aufgezeichnet, ohne Meldung.</translation>
    </message>
    <message>
      <source>Today, {day}</source>
      <translation>Heute, {day}</translation>
    </message>
    <message>
      <source>Yesterday, {day}</source>
      <translation>Gestern, {day}</translation>
    </message>
    <message>
      <source>1 event</source>
      <translation>1 Ereignis</translation>
    </message>
    <message>
      <source>{count} events</source>
      <translation>{count} Ereignisse</translation>
    </message>
    <message>
      <source>{count} new</source>
      <translation>{count} neu</translation>
    </message>
    <message>
      <source>{count} muted</source>
      <translation>{count} stumm</translation>
    </message>
    <message>
      <source>to {host}</source>
      <translation>an {host}</translation>
    </message>
    <message>
      <source>in this network</source>
      <translation>in diesem Netz</translation>
    </message>
    <message>
      <source>gateway</source>
      <translation>Gateway</translation>
    </message>
    <message>
      <source>Data plan</source>
      <translation>Datentarif</translation>
    </message>
    <message>
      <source>Alert</source>
      <translation>Alarm</translation>
    </message>
    <message>
      <source>Notice</source>
      <translation>Hinweis</translation>
    </message>
    <message>
      <source>Record</source>
      <translation>Eintrag</translation>
    </message>
    <message>
      <source>muted</source>
      <translation>stumm</translation>
    </message>
    <message>
      <source>new</source>
      <translation>neu</translation>
    </message>
    <message>
      <source>24 hours</source>
      <translation>24 Stunden</translation>
    </message>
    <message>
      <source>{count} days</source>
      <translation>{count} Tage</translation>
    </message>
    <message>
      <source>No alert since you last looked</source>
      <translation>Kein Alarm, seit Sie zuletzt hier waren</translation>
    </message>
    <message>
      <source>1 alert since you last looked</source>
      <translation>1 Alarm, seit Sie zuletzt hier waren</translation>
    </message>
    <message>
      <source>{count} alerts since you last looked</source>
      <translation>{count} Alarme, seit Sie zuletzt hier waren</translation>
    </message>
    <message>
      <source>Watching since {day}, {time}</source>
      <translation>Beobachtet seit {day}, {time}</translation>
    </message>
    <message>
      <source>{events} in {span}. They are found on this computer.</source>
      <translation>{events} ({span}). Gefunden auf diesem Rechner.</translation>
    </message>
    <message>
      <source>{events} in {span}. They are found on this computer; nothing is sent.</source>
      <translation>{events} ({span}). Gefunden auf diesem Rechner; nichts wird gesendet.</translation>
    </message>
    <message>
      <source>Show all kinds</source>
      <translation>Alle Arten zeigen</translation>
    </message>
    <message>
      <source>None of {events} has “{words}”.</source>
      <translation>Von {events} hat keins „{words}“.</translation>
    </message>
    <message>
      <source>No event matches</source>
      <translation>Kein Ereignis passt</translation>
    </message>
    <message>
      <source>The last one was on {day}.</source>
      <translation>Das letzte war am {day}.</translation>
    </message>
    <message>
      <source>No event in {span}</source>
      <translation>Kein Ereignis ({span})</translation>
    </message>
    <message>
      <source>Show all events</source>
      <translation>Alle Ereignisse zeigen</translation>
    </message>
    <message>
      <source>“Look for what is unusual” is off in the settings.</source>
      <translation>„Nach Ungewöhnlichem suchen“ ist in den Einstellungen aus.</translation>
    </message>
    <message>
      <source>Nothing is looked for</source>
      <translation>Es wird nichts gesucht</translation>
    </message>
    <message>
      <source>Nothing happened yet</source>
      <translation>Noch ist nichts geschehen</translation>
    </message>
    <message>
      <source>1 event of another kind is there.</source>
      <translation>1 Ereignis anderer Art ist da.</translation>
    </message>
    <message>
      <source>{count} events of other kinds are there.</source>
      <translation>{count} Ereignisse anderer Arten sind da.</translation>
    </message>
    <message>
      <source>New apps, new ports, unusual uploads, scans and times offline appear here.</source>
      <translation>Neue Apps, neue Ports, ungewöhnliche Uploads, Scans und Zeiten ohne Netz erscheinen hier.</translation>
    </message>
    <message>
      <source>Uploads are compared once an app has {count} days of history; the first is ready on {day}.</source>
      <translation>Uploads werden verglichen, sobald eine App {count} Tage Verlauf hat; die erste ist am {day} so weit.</translation>
    </message>
  </context>
  <context>
    <name>EventsBar</name>
    <message>
      <source>Find in events</source>
      <translation>In Ereignissen suchen</translation>
    </message>
    <message>
      <source>Show only events with these words ({keys} or /)</source>
      <translation>Nur Ereignisse mit diesen Wörtern zeigen ({keys} oder /)</translation>
    </message>
    <message>
      <source>Mark all seen</source>
      <translation>Alle gesehen</translation>
    </message>
    <message>
      <source>More</source>
      <translation>Mehr</translation>
    </message>
    <message>
      <source>Unmute</source>
      <translation>Nicht mehr stumm</translation>
    </message>
    <message>
      <source>Time range: {name}</source>
      <translation>Zeitraum: {name}</translation>
    </message>
    <message>
      <source>All kinds</source>
      <translation>Alle Arten</translation>
    </message>
    <message>
      <source>Kind: {name}</source>
      <translation>Art: {name}</translation>
    </message>
    <message>
      <source>Settings of events …</source>
      <translation>Einstellungen der Ereignisse …</translation>
    </message>
  </context>
  <context>
    <name>EventsPage</name>
    <message>
      <source>Events</source>
      <translation>Ereignisse</translation>
    </message>
    <message>
      <source>Enter shows the details, {keys} the actions</source>
      <translation>Die Eingabetaste zeigt die Einzelheiten, {keys} die Aktionen</translation>
    </message>
    <message>
      <source>Frozen</source>
      <translation>Eingefroren</translation>
    </message>
    <message>
      <source>Live</source>
      <translation>Live</translation>
    </message>
    <message>
      <source>Kept for {count} days</source>
      <translation>{count} Tage aufbewahrt</translation>
    </message>
    <message>
      <source>Muted: {names}</source>
      <translation>Stumm: {names}</translation>
    </message>
    <message>
      <source>{shown} of {total}</source>
      <translation>{shown} von {total}</translation>
    </message>
  </context>
  <context>
    <name>Facts</name>
    <message>
      <source>paused</source>
      <translation>angehalten</translation>
    </message>
    <message>
      <source>paused until now</source>
      <translation>bis jetzt angehalten</translation>
    </message>
    <message>
      <source>counters unreadable</source>
      <translation>Zähler nicht lesbar</translation>
    </message>
    <message>
      <source>not running</source>
      <translation>nicht gestartet</translation>
    </message>
    <message>
      <source>counters reset</source>
      <translation>Zähler zurückgesetzt</translation>
    </message>
    <message>
      <source>counters jumped by more than the link can carry</source>
      <translation>Zähler sprang um mehr, als die Leitung übertragen kann</translation>
    </message>
    <message>
      <source>asleep</source>
      <translation>Ruhezustand</translation>
    </message>
    <message>
      <source>measuring was interrupted</source>
      <translation>Messung unterbrochen</translation>
    </message>
    <message>
      <source>another source of counters</source>
      <translation>andere Zählerquelle</translation>
    </message>
    <message>
      <source>interface removed</source>
      <translation>Schnittstelle entfernt</translation>
    </message>
    <message>
      <source>history not writable</source>
      <translation>Verlauf nicht speicherbar</translation>
    </message>
    <message>
      <source>clock set back</source>
      <translation>Uhr zurückgestellt</translation>
    </message>
    <message>
      <source>clock set forward</source>
      <translation>Uhr vorgestellt</translation>
    </message>
    <message>
      <source>reason unknown</source>
      <translation>Grund unbekannt</translation>
    </message>
    <message>
      <source>counted: carries the default route</source>
      <translation>gezählt: trägt die Standardroute</translation>
    </message>
    <message>
      <source>counted: carries {names}, which has the default route</source>
      <translation>gezählt: trägt {names} mit der Standardroute</translation>
    </message>
    <message>
      <source>counted: no default route, so all interfaces that are up count</source>
      <translation>gezählt: ohne Standardroute zählen alle aktiven</translation>
    </message>
    <message>
      <source>counted: chosen in the settings</source>
      <translation>gezählt: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>counted</source>
      <translation>gezählt</translation>
    </message>
    <message>
      <source>not counted: chosen in the settings</source>
      <translation>nicht gezählt: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>not counted: traffic of this computer with itself</source>
      <translation>nicht gezählt: Verkehr dieses Rechners mit sich selbst</translation>
    </message>
    <message>
      <source>not counted: down</source>
      <translation>nicht gezählt: inaktiv</translation>
    </message>
    <message>
      <source>not counted: no default route goes through it</source>
      <translation>nicht gezählt: keine Standardroute führt hindurch</translation>
    </message>
    <message>
      <source>not counted: reaches the outside over {names}</source>
      <translation>nicht gezählt: nach außen geht es über {names}</translation>
    </message>
    <message>
      <source>not counted: traffic of {name} already passes {names}</source>
      <translation>nicht gezählt: der Verkehr von {name} läuft schon über {names}</translation>
    </message>
    <message>
      <source>not counted</source>
      <translation>nicht gezählt</translation>
    </message>
    <message>
      <source>d</source>
      <translation>T</translation>
    </message>
    <message>
      <source>Exited before seen</source>
      <translation>Beendet, bevor sie gesehen wurden</translation>
    </message>
    <message>
      <source>Being looked for</source>
      <translation>Wird gesucht</translation>
    </message>
    <message>
      <source>Other apps</source>
      <translation>Andere Apps</translation>
    </message>
    <message>
      <source>user {name}</source>
      <translation>Benutzer {name}</translation>
    </message>
    <message>
      <source>no interface is connected</source>
      <translation>keine Schnittstelle ist verbunden</translation>
    </message>
    <message>
      <source>{several} and {last}</source>
      <translation>{several} und {last}</translation>
    </message>
  </context>
  <context>
    <name>Filter</name>
    <message>
      <source>“{field}:” is not a filter. Use app:, pid:, port:, host:, origin:, scope:, country:, state:, unit:, proto: or if:</source>
      <translation>„{field}:“ ist kein Filter. Nutzen Sie app:, pid:, port:, host:, origin:, scope:, country:, state:, unit:, proto: oder if:</translation>
    </message>
    <message>
      <source>Something is missing after “{field}”.</source>
      <translation>Nach „{field}“ fehlt etwas.</translation>
    </message>
    <message>
      <source>“{value}” is not a port. Write port:443 or port:8000-8080.</source>
      <translation>„{value}“ ist kein Port. Schreiben Sie port:443 oder port:8000-8080.</translation>
    </message>
    <message>
      <source>“{value}” is not a PID. Write pid:4121.</source>
      <translation>„{value}“ ist keine PID. Schreiben Sie pid:4121.</translation>
    </message>
    <message>
      <source>“{value}” is not a rate. Write rate&gt;1M or rate&lt;20k, in bytes per second.</source>
      <translation>„{value}“ ist keine Rate. Schreiben Sie rate&gt;1M oder rate&lt;20k, in Bytes pro Sekunde.</translation>
    </message>
    <message>
      <source>Only rates can be compared: rate&gt;1M or rate&lt;20k.</source>
      <translation>Nur Raten lassen sich vergleichen: rate&gt;1M oder rate&lt;20k.</translation>
    </message>
    <message>
      <source>Write “not” before the condition that it negates.</source>
      <translation>Schreiben Sie „not“ vor die Bedingung, die es verneint.</translation>
    </message>
  </context>
  <context>
    <name>FirstRun</name>
    <message>
      <source>NetWatch is measuring</source>
      <translation>NetWatch misst</translation>
    </message>
    <message>
      <source>It keeps its history on this computer. Nothing is sent anywhere unless you ask.</source>
      <translation>Der Verlauf bleibt auf diesem Rechner. Nichts wird gesendet, solange Sie es nicht wünschen.</translation>
    </message>
    <message>
      <source>Show interfaces</source>
      <translation>Schnittstellen zeigen</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>Interfaces found: {count}. The total is {names}</source>
      <translation>Gefundene Schnittstellen: {count}. Die Summe ist {names}</translation>
    </message>
    <message>
      <source>Interfaces found: {count}. None leads out of this computer</source>
      <translation>Gefundene Schnittstellen: {count}. Keine führt aus diesem Rechner hinaus</translation>
    </message>
    <message>
      <source>Tunnels and bridges whose traffic passes another interface are not counted twice.</source>
      <translation>Tunnel und Brücken, deren Verkehr über eine andere Schnittstelle läuft, zählen nicht doppelt.</translation>
    </message>
    <message>
      <source>All users' connections, with program names for your own</source>
      <translation>Verbindungen aller Benutzer, mit Programmnamen bei den eigenen</translation>
    </message>
    <message>
      <source>Programs of other users are shown by their service or user.</source>
      <translation>Programme anderer Benutzer erscheinen mit ihrem Dienst oder Benutzer.</translation>
    </message>
    <message>
      <source>Fault in the settings</source>
      <translation>Fehler in den Einstellungen</translation>
    </message>
    <message>
      <source>Something cannot be measured</source>
      <translation>Etwas kann nicht gemessen werden</translation>
    </message>
    <message>
      <source>The icon appears by itself as soon as a panel shows it.</source>
      <translation>Das Symbol erscheint von selbst, sobald eine Leiste es zeigt.</translation>
    </message>
    <message>
      <source>Looking for a tray …</source>
      <translation>Ein Infobereich wird gesucht …</translation>
    </message>
    <message>
      <source>No system tray found</source>
      <translation>Kein Infobereich gefunden</translation>
    </message>
    <message>
      <source>A click on it opens this window.</source>
      <translation>Ein Klick darauf öffnet dieses Fenster.</translation>
    </message>
    <message>
      <source>The icon is in the tray</source>
      <translation>Das Symbol ist im Infobereich</translation>
    </message>
  </context>
  <context>
    <name>Heading</name>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>Amount per hour</source>
      <translation>Menge pro Stunde</translation>
    </message>
    <message>
      <source>Amount per 6 hours</source>
      <translation>Menge pro 6 Stunden</translation>
    </message>
    <message>
      <source>Amount per day</source>
      <translation>Menge pro Tag</translation>
    </message>
    <message>
      <source>Amount per week</source>
      <translation>Menge pro Woche</translation>
    </message>
  </context>
  <context>
    <name>HeatMap</name>
    <message>
      <source>Per day, {year}</source>
      <translation>Je Tag, {year}</translation>
    </message>
    <message>
      <source>{day}, not known</source>
      <translation>{day}, nicht bekannt</translation>
    </message>
    <message>
      <source>{text}, busiest day</source>
      <translation>{text}, stärkster Tag</translation>
    </message>
    <message>
      <source>Per day</source>
      <translation>Je Tag</translation>
    </message>
    <message>
      <source>under {amount}</source>
      <translation>unter {amount}</translation>
    </message>
    <message>
      <source>{amount} and more</source>
      <translation>{amount} und mehr</translation>
    </message>
    <message>
      <source>not measured</source>
      <translation>nicht gemessen</translation>
    </message>
  </context>
  <context>
    <name>HelpSheet</name>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
    <message>
      <source>Turn to a page</source>
      <translation>Seite wechseln</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>Mini window</source>
      <translation>Minifenster</translation>
    </message>
    <message>
      <source>Freeze the display, or continue</source>
      <translation>Die Anzeige einfrieren oder weiterlaufen lassen</translation>
    </message>
    <message>
      <source>Time range</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>Filter</source>
      <translation>Filter</translation>
    </message>
    <message>
      <source>Group connections</source>
      <translation>Verbindungen gruppieren</translation>
    </message>
    <message>
      <source>Move the crosshair, fold a group</source>
      <translation>Fadenkreuz bewegen, Gruppe falten</translation>
    </message>
    <message>
      <source>Zoom the chart in or out</source>
      <translation>Das Diagramm vergrößern oder verkleinern</translation>
    </message>
    <message>
      <source>The chart as a table</source>
      <translation>Das Diagramm als Tabelle</translation>
    </message>
    <message>
      <source>Usage: the period before or after</source>
      <translation>Verbrauch: der Zeitraum davor oder danach</translation>
    </message>
    <message>
      <source>Choose a row</source>
      <translation>Zeile wählen</translation>
    </message>
    <message>
      <source>Details, fold a group</source>
      <translation>Näheres, Gruppe falten</translation>
    </message>
    <message>
      <source>Mute an event, expect it from now on</source>
      <translation>Ein Ereignis stumm schalten, künftig erwarten</translation>
    </message>
    <message>
      <source>Actions for an event</source>
      <translation>Aktionen für ein Ereignis</translation>
    </message>
    <message>
      <source>Copy rows</source>
      <translation>Zeilen kopieren</translation>
    </message>
    <message>
      <source>Copy a cell</source>
      <translation>Eine Zelle kopieren</translation>
    </message>
    <message>
      <source>Back: crosshair, filter, selection, settings</source>
      <translation>Zurück: Fadenkreuz, Filter, Auswahl, Einstellungen</translation>
    </message>
    <message>
      <source>Close the window; the agent keeps running</source>
      <translation>Fenster schließen; der Agent läuft weiter</translation>
    </message>
    <message>
      <source>This sheet</source>
      <translation>Diese Übersicht</translation>
    </message>
    <message>
      <source>Both words, anywhere</source>
      <translation>Beide Wörter, irgendwo</translation>
    </message>
    <message>
      <source>One app or the other</source>
      <translation>Die eine App oder die andere</translation>
    </message>
    <message>
      <source>Without these</source>
      <translation>Ohne diese</translation>
    </message>
    <message>
      <source>More than 1 MB/s in one direction</source>
      <translation>Mehr als 1 MB/s in einer Richtung</translation>
    </message>
  </context>
  <context>
    <name>HelperOffer</name>
    <message>
      <source>UDP and QUIC bytes and host names need a small system service.</source>
      <translation>UDP, QUIC und Namen von Hosts brauchen einen kleinen Systemdienst.</translation>
    </message>
    <message>
      <source>It reads byte counts of sockets, and the names in DNS responses, TLS and QUIC greetings; never the contents. Only accounts that you name see them; nothing is sent.</source>
      <translation>Er liest die Bytezahlen von Sockets und die Namen in DNS-Antworten, TLS- und QUIC-Begrüßungen, nie die Inhalte. Nur Konten, die Sie nennen, sehen sie; nichts wird gesendet.</translation>
    </message>
    <message>
      <source>Not now</source>
      <translation>Jetzt nicht</translation>
    </message>
    <message>
      <source>Set up …</source>
      <translation>Einrichten …</translation>
    </message>
    <message>
      <source>{percent:.0f} % of this download has no app yet.</source>
      <translation>{percent:.0f} % dieses Downloads haben noch keine App.</translation>
    </message>
  </context>
  <context>
    <name>HelperSettings</name>
    <message>
      <source>The kernel reports the bytes of TCP to every program. Bytes of UDP and QUIC and names of hosts need a small system service, the helper.</source>
      <translation>Der Kernel meldet die Bytes von TCP jedem Programm. UDP, QUIC und Namen von Hosts brauchen einen kleinen Systemdienst, den Helfer.</translation>
    </message>
    <message>
      <source>Helper</source>
      <translation>Helfer</translation>
    </message>
    <message>
      <source>Set up</source>
      <translation>Einrichten</translation>
    </message>
    <message>
      <source>Run this in a terminal. It installs the service and allows your account to read it.</source>
      <translation>In einem Terminal ausführen. Es installiert den Dienst und erlaubt Ihrem Konto, ihn zu lesen.</translation>
    </message>
    <message>
      <source>Remove</source>
      <translation>Entfernen</translation>
    </message>
    <message>
      <source>This removes the service and its files. The history stays.</source>
      <translation>Das entfernt den Dienst und seine Dateien. Der Verlauf bleibt.</translation>
    </message>
    <message>
      <source>Bytes of UDP and QUIC</source>
      <translation>Bytes von UDP und QUIC</translation>
    </message>
    <message>
      <source>One sum for each socket and peer, and its program. Kept as long as the history.</source>
      <translation>Eine Summe je Socket und Gegenstelle, und dessen Programm. So lange aufbewahrt wie der Verlauf.</translation>
    </message>
    <message>
      <source>Names of hosts</source>
      <translation>Namen von Hosts</translation>
    </message>
    <message>
      <source>Names and addresses in DNS responses, TLS and QUIC greetings. Kept in memory for 24 h, and longer only if you keep hosts of apps.</source>
      <translation>Namen und Adressen in DNS-Antworten, TLS- und QUIC-Begrüßungen. 24 h im Speicher gehalten, und länger nur, wenn Sie Hosts von Apps behalten.</translation>
    </message>
    <message>
      <source>Not read</source>
      <translation>Nicht gelesen</translation>
    </message>
    <message>
      <source>Contents, web addresses, cookies and keys.</source>
      <translation>Inhalte, Webadressen, Cookies und Schlüssel.</translation>
    </message>
    <message>
      <source>Who sees it</source>
      <translation>Wer es sieht</translation>
    </message>
    <message>
      <source>Accounts that were allowed: the amounts of all sockets, and names of their own sockets only. Names are part of no upload level.</source>
      <translation>Zugelassene Konten: die Mengen aller Sockets, aber nur die Namen ihrer eigenen. Namen gehören zu keiner Upload-Stufe.</translation>
    </message>
    <message>
      <source>Unknown: the agent is not running.</source>
      <translation>Unbekannt: Der Agent läuft nicht.</translation>
    </message>
  </context>
  <context>
    <name>History</name>
    <message>
      <source>The first minute is being recorded.</source>
      <translation>Die erste Minute wird gerade aufgezeichnet.</translation>
    </message>
    <message>
      <source>The history is off: turn it on in the settings.</source>
      <translation>Der Verlauf ist aus: Einschalten lässt er sich in den Einstellungen.</translation>
    </message>
    <message>
      <source>There is no history yet</source>
      <translation>Es gibt noch keinen Verlauf</translation>
    </message>
    <message>
      <source>The history cannot be read</source>
      <translation>Der Verlauf kann nicht gelesen werden</translation>
    </message>
  </context>
  <context>
    <name>HistoryActionsRow</name>
    <message>
      <source>Back up …</source>
      <translation>Sichern …</translation>
    </message>
    <message>
      <source>Restore …</source>
      <translation>Zurückholen …</translation>
    </message>
    <message>
      <source>Merge …</source>
      <translation>Zusammenführen …</translation>
    </message>
    <message>
      <source>Add the history of another machine</source>
      <translation>Den Verlauf eines anderen Rechners dazunehmen</translation>
    </message>
    <message>
      <source>Import …</source>
      <translation>Importieren …</translation>
    </message>
    <message>
      <source>What vnStat measured before, as vnstat --json printed it</source>
      <translation>Was vnStat davor gemessen hat, wie vnstat --json es ausgibt</translation>
    </message>
    <message>
      <source>Delete …</source>
      <translation>Löschen …</translation>
    </message>
    <message>
      <source>Working …</source>
      <translation>In Arbeit …</translation>
    </message>
    <message>
      <source>Back up the history</source>
      <translation>Verlauf sichern</translation>
    </message>
    <message>
      <source>Restore a backup</source>
      <translation>Sicherung zurückholen</translation>
    </message>
    <message>
      <source>Replace the whole history by {file}? This cannot be undone.</source>
      <translation>Den ganzen Verlauf durch {file} ersetzen? Das lässt sich nicht rückgängig machen.</translation>
    </message>
    <message>
      <source>Merge a history</source>
      <translation>Verlauf zusammenführen</translation>
    </message>
    <message>
      <source>Import from vnStat</source>
      <translation>Import aus vnStat</translation>
    </message>
  </context>
  <context>
    <name>HistoryDialogs</name>
    <message>
      <source>Cancel</source>
      <translation>Abbrechen</translation>
    </message>
    <message>
      <source>Export the history</source>
      <translation>Verlauf exportieren</translation>
    </message>
    <message>
      <source>Save as …</source>
      <translation>Speichern unter …</translation>
    </message>
    <message>
      <source>Amounts of</source>
      <translation>Mengen von</translation>
    </message>
    <message>
      <source>The total</source>
      <translation>Gesamtsumme</translation>
    </message>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Days</source>
      <translation>Tage</translation>
    </message>
    <message>
      <source>A row for each</source>
      <translation>Eine Zeile je</translation>
    </message>
    <message>
      <source>Day</source>
      <translation>Tag</translation>
    </message>
    <message>
      <source>Hour</source>
      <translation>Stunde</translation>
    </message>
    <message>
      <source>Minute</source>
      <translation>Minute</translation>
    </message>
    <message>
      <source>Format</source>
      <translation>Format</translation>
    </message>
    <message>
      <source>Minutes are kept for 30 days, hours as long as there is room, days for good.</source>
      <translation>Minuten bleiben 30 Tage, Stunden, solange Platz ist, Tage für immer.</translation>
    </message>
    <message>
      <source>Delete history</source>
      <translation>Verlauf löschen</translation>
    </message>
    <message>
      <source>Delete</source>
      <translation>Löschen</translation>
    </message>
    <message>
      <source>Everything that was ever recorded or imported will be deleted. This cannot be undone.</source>
      <translation>Alles, was je aufgezeichnet oder importiert wurde, wird gelöscht. Das lässt sich nicht rückgängig machen.</translation>
    </message>
    <message>
      <source>Amounts, curves, apps and events from {first} to {last} will be deleted. This cannot be undone.</source>
      <translation>Mengen, Kurven, Apps und Ereignisse vom {first} bis {last} werden gelöscht. Das lässt sich nicht rückgängig machen.</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>7 days</source>
      <translation>7 Tage</translation>
    </message>
    <message>
      <source>30 days</source>
      <translation>30 Tage</translation>
    </message>
    <message>
      <source>Everything</source>
      <translation>Alles</translation>
    </message>
  </context>
  <context>
    <name>HistoryFileRow</name>
    <message>
      <source>Export …</source>
      <translation>Exportieren …</translation>
    </message>
    <message>
      <source>Open folder</source>
      <translation>Ordner öffnen</translation>
    </message>
    <message>
      <source>On disk</source>
      <translation>Auf der Platte</translation>
    </message>
    <message>
      <source>The total, interfaces or apps as CSV or JSON</source>
      <translation>Gesamtsumme, Schnittstellen oder Apps als CSV oder JSON</translation>
    </message>
    <message>
      <source>{size} in {file}</source>
      <translation>{size} in {file}</translation>
    </message>
    <message>
      <source>Nothing is written yet</source>
      <translation>Noch ist nichts geschrieben</translation>
    </message>
    <message>
      <source>Export the history</source>
      <translation>Verlauf exportieren</translation>
    </message>
    <message>
      <source>Exporting …</source>
      <translation>Wird exportiert …</translation>
    </message>
    <message>
      <source>{size} saved in {file}</source>
      <translation>{size} gespeichert in {file}</translation>
    </message>
  </context>
  <context>
    <name>Hosts</name>
    <message>
      <source>Not known</source>
      <translation>Nicht bekannt</translation>
    </message>
    <message>
      <source>None in the last 24 hours</source>
      <translation>Keine in den letzten 24 Stunden</translation>
    </message>
    <message>
      <source>{count} hosts more, {amount}</source>
      <translation>{count} weitere Hosts, {amount}</translation>
    </message>
  </context>
  <context>
    <name>Interfaces</name>
    <message>
      <source>Interface</source>
      <translation>Schnittstelle</translation>
    </message>
    <message>
      <source>Activity</source>
      <translation>Aktivität</translation>
    </message>
    <message>
      <source>The last minute, download above upload</source>
      <translation>Die letzte Minute, Download über Upload</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>Link</source>
      <translation>Link</translation>
    </message>
    <message>
      <source>Addresses</source>
      <translation>Adressen</translation>
    </message>
    <message>
      <source>It has no address</source>
      <translation>Sie hat keine Adresse</translation>
    </message>
    <message>
      <source>Errors</source>
      <translation>Fehler</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Summe</translation>
    </message>
    <message>
      <source>{direction}: not known at this moment</source>
      <translation>{direction}: im Augenblick nicht bekannt</translation>
    </message>
    <message>
      <source>↓ is what the other end received: a container or virtual machine</source>
      <translation>↓ ist, was das andere Ende empfing: ein Container oder eine virtuelle Maschine</translation>
    </message>
    <message>
      <source>Link: {speed}</source>
      <translation>Link: {speed}</translation>
    </message>
    <message>
      <source>Packets of up to {bytes} bytes (MTU)</source>
      <translation>Pakete bis {bytes} Bytes (MTU)</translation>
    </message>
    <message>
      <source>Speed of the link</source>
      <translation>Geschwindigkeit des Links</translation>
    </message>
    <message>
      <source>No link</source>
      <translation>Kein Link</translation>
    </message>
    <message>
      <source>The system does not report its speed: it is virtual, or its speed varies</source>
      <translation>Das System nennt keine Geschwindigkeit: sie ist virtuell, oder sie schwankt</translation>
    </message>
    <message>
      <source>no address</source>
      <translation>keine Adresse</translation>
    </message>
    <message>
      <source>{count} dropped</source>
      <translation>{count} verworfen</translation>
    </message>
    <message>
      <source>dropped</source>
      <translation>verworfen</translation>
    </message>
    <message>
      <source>{rate} err/s</source>
      <translation>{rate}/s</translation>
    </message>
    <message>
      <source>{rate} drop/s</source>
      <translation>{rate} verw./s</translation>
    </message>
    <message>
      <source>Since boot, received and sent. Errors: {rx_errors} and {tx_errors}. Dropped: {rx_drops} and {tx_drops}.</source>
      <translation>Seit dem Start, empfangen und gesendet. Fehler: {rx_errors} und {tx_errors}. Verworfen: {rx_drops} und {tx_drops}.</translation>
    </message>
    <message>
      <source>Now, per second: {errors} errors, {drops} dropped.</source>
      <translation>Jetzt, pro Sekunde: {errors} Fehler, {drops} verworfen.</translation>
    </message>
    <message>
      <source>Not known without the agent</source>
      <translation>Ohne den Agenten nicht bekannt</translation>
    </message>
    <message>
      <source>Ethernet</source>
      <translation>Ethernet</translation>
    </message>
    <message>
      <source>Wi-Fi</source>
      <translation>WLAN</translation>
    </message>
    <message>
      <source>Mobile network</source>
      <translation>Mobilfunk</translation>
    </message>
    <message>
      <source>Loopback</source>
      <translation>Loopback</translation>
    </message>
    <message>
      <source>Dial-up (PPP)</source>
      <translation>Einwahl (PPP)</translation>
    </message>
    <message>
      <source>Bridge</source>
      <translation>Brücke</translation>
    </message>
    <message>
      <source>Bond</source>
      <translation>Bündel</translation>
    </message>
    <message>
      <source>VLAN</source>
      <translation>VLAN</translation>
    </message>
    <message>
      <source>Container end</source>
      <translation>Containerende</translation>
    </message>
    <message>
      <source>WireGuard tunnel</source>
      <translation>WireGuard-Tunnel</translation>
    </message>
    <message>
      <source>Tunnel</source>
      <translation>Tunnel</translation>
    </message>
    <message>
      <source>VXLAN tunnel</source>
      <translation>VXLAN-Tunnel</translation>
    </message>
    <message>
      <source>Dummy</source>
      <translation>Attrappe</translation>
    </message>
    <message>
      <source>Other</source>
      <translation>Andere</translation>
    </message>
    <message>
      <source>Offline</source>
      <translation>Offline</translation>
    </message>
    <message>
      <source>{kind}, down</source>
      <translation>{kind}, inaktiv</translation>
    </message>
    <message>
      <source>{kind} over {names}</source>
      <translation>{kind} über {names}</translation>
    </message>
    <message>
      <source>{kind}, uplink</source>
      <translation>{kind}, Uplink</translation>
    </message>
  </context>
  <context>
    <name>InterfacesPage</name>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>The chart above shows the selected interface</source>
      <translation>Das Diagramm darüber zeigt die gewählte Schnittstelle</translation>
    </message>
    <message>
      <source>Frozen</source>
      <translation>Eingefroren</translation>
    </message>
    <message>
      <source>Frozen: measuring continues</source>
      <translation>Eingefroren: gemessen wird weiter</translation>
    </message>
    <message>
      <source>Paused</source>
      <translation>Angehalten</translation>
    </message>
    <message>
      <source>Live, every {seconds:g} s</source>
      <translation>Live, alle {seconds:g} s</translation>
    </message>
  </context>
  <context>
    <name>MacMenu</name>
    <message>
      <source>File</source>
      <translation>Ablage</translation>
    </message>
    <message>
      <source>About NetWatch</source>
      <translation>Über NetWatch</translation>
    </message>
    <message>
      <source>Settings…</source>
      <translation>Einstellungen …</translation>
    </message>
    <message>
      <source>Close Window</source>
      <translation>Fenster schließen</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>Beenden</translation>
    </message>
    <message>
      <source>View</source>
      <translation>Darstellung</translation>
    </message>
    <message>
      <source>Window</source>
      <translation>Fenster</translation>
    </message>
    <message>
      <source>Minimise</source>
      <translation>Im Dock ablegen</translation>
    </message>
    <message>
      <source>Help</source>
      <translation>Hilfe</translation>
    </message>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
  </context>
  <context>
    <name>MainWindow</name>
    <message>
      <source>Nothing was changed: the agent is not running</source>
      <translation>Nichts wurde geändert: Der Agent läuft nicht</translation>
    </message>
  </context>
  <context>
    <name>Messages</name>
    <message>
      <source>NetWatch cannot open a window</source>
      <translation>NetWatch kann kein Fenster öffnen</translation>
    </message>
    <message>
      <source>NetWatch cannot measure</source>
      <translation>NetWatch kann nicht messen</translation>
    </message>
    <message>
      <source>none: started with --headless</source>
      <translation>keiner: mit --headless gestartet</translation>
    </message>
    <message>
      <source>netwatch-tray {arguments} cannot be started: {reason}. Try again.</source>
      <translation>netwatch-tray {arguments} kann nicht gestartet werden: {reason}. Versuchen Sie es noch einmal.</translation>
    </message>
    <message>
      <source>none: {fault}</source>
      <translation>keine: {fault}</translation>
    </message>
    <message>
      <source>none: not watched</source>
      <translation>keine: wird nicht beobachtet</translation>
    </message>
    <message>
      <source>The helper is not set up.</source>
      <translation>Der Helfer ist nicht eingerichtet.</translation>
    </message>
    <message>
      <source>The helper is starting.</source>
      <translation>Der Helfer startet.</translation>
    </message>
    <message>
      <source>Running, process {pid}: bytes of UDP and QUIC, names of hosts.</source>
      <translation>Läuft, Prozess {pid}: Bytes von UDP und QUIC, Namen von Rechnern.</translation>
    </message>
    <message>
      <source>It counts the programs of this container only.</source>
      <translation>Er zählt nur die Programme dieses Containers.</translation>
    </message>
    <message>
      <source>This kernel does not let it report the last bytes of TCP connections.</source>
      <translation>Die letzten Bytes von TCP-Verbindungen kann er unter diesem Kernel nicht melden.</translation>
    </message>
    <message>
      <source>TCP of containers is counted on Linux 5.15 and newer.</source>
      <translation>TCP von Containern wird ab Linux 5.15 gezählt.</translation>
    </message>
    <message>
      <source>The helper needs Linux, with sockets listed by sock_diag.</source>
      <translation>Der Helfer braucht Linux mit Sockets über sock_diag.</translation>
    </message>
    <message>
      <source>The history cannot be opened now: {reason}. Trying again in a minute.</source>
      <translation>Der Verlauf kann gerade nicht geöffnet werden: {reason}. Nächster Versuch in einer Minute.</translation>
    </message>
    <message>
      <source>The agent cannot lock {path}: {reason}. Free some space there, or set XDG_RUNTIME_DIR to another directory of your own with mode 0700.</source>
      <translation>Der Agent kann {path} nicht sperren: {reason}. Schaffen Sie dort Platz, oder setzen Sie XDG_RUNTIME_DIR auf ein anderes eigenes Verzeichnis mit den Rechten 0700.</translation>
    </message>
    <message>
      <source>The agent is running already.</source>
      <translation>Der Agent läuft bereits.</translation>
    </message>
    <message>
      <source>at {url}</source>
      <translation>unter {url}</translation>
    </message>
    <message>
      <source>Metrics cannot be served at port {port} of {address}: {reason}. The agent keeps trying.</source>
      <translation>Metriken können an Port {port} von {address} nicht bereitgestellt werden: {reason}. Der Agent versucht es weiter.</translation>
    </message>
    <message>
      <source>The process that writes the settings cannot be started: {reason}. Try again.</source>
      <translation>Der Prozess, der die Einstellungen schreibt, kann nicht gestartet werden: {reason}. Versuchen Sie es noch einmal.</translation>
    </message>
    <message>
      <source>The process that writes the settings exited with code {code}.</source>
      <translation>Der Prozess, der die Einstellungen schreibt, endete mit Code {code}.</translation>
    </message>
    <message>
      <source>Faulty settings have their defaults.</source>
      <translation>Für fehlerhafte Einstellungen gelten die Standardwerte.</translation>
    </message>
    <message>
      <source>Fault in the settings</source>
      <translation>Fehler in den Einstellungen</translation>
    </message>
    <message>
      <source>The previous settings stay in use.</source>
      <translation>Die bisherigen Einstellungen gelten weiter.</translation>
    </message>
    <message>
      <source>The settings were not changed</source>
      <translation>Die Einstellungen wurden nicht geändert</translation>
    </message>
    <message>
      <source>{fault} {in_use} Nothing is uploaded until the file is fixed.</source>
      <translation>{fault} {in_use} Es wird nichts hochgeladen, bis die Datei berichtigt ist.</translation>
    </message>
    <message>
      <source>Nothing is uploaded</source>
      <translation>Es wird nichts hochgeladen</translation>
    </message>
    <message>
      <source>Nothing is exported to OpenTelemetry</source>
      <translation>Nach OpenTelemetry wird nichts exportiert</translation>
    </message>
    <message>
      <source>Start at login cannot be turned on: {path}: {reason}.</source>
      <translation>Der Start bei der Anmeldung kann nicht eingeschaltet werden: {path}: {reason}.</translation>
    </message>
    <message>
      <source>Start at login cannot be turned off: {path}: {reason}.</source>
      <translation>Der Start bei der Anmeldung kann nicht ausgeschaltet werden: {path}: {reason}.</translation>
    </message>
    <message>
      <source>The settings were not changed: stdin is not a JSON object of settings ({error}).</source>
      <translation>Die Einstellungen wurden nicht geändert: Die Standardeingabe ist kein JSON-Objekt mit Einstellungen ({error}).</translation>
    </message>
    <message>
      <source>Menu entry and icons are installed by this command on Linux only.</source>
      <translation>Menüeintrag und Symbole installiert dieser Befehl nur unter Linux.</translation>
    </message>
    <message>
      <source>The report cannot be saved in {filename}: {reason}. Read it in a terminal: netwatch-tray doctor</source>
      <translation>Der Bericht kann nicht in {filename} gespeichert werden: {reason}. Lesen Sie ihn im Terminal: netwatch-tray doctor</translation>
    </message>
    <message>
      <source>exit code {code}</source>
      <translation>Exit-Code {code}</translation>
    </message>
    <message>
      <source>The report is in {file}, but {opener} cannot show it: {reason}.</source>
      <translation>Der Bericht steht in {file}, aber {opener} kann ihn nicht zeigen: {reason}.</translation>
    </message>
    <message>
      <source>{file} cannot be read: {reason}.</source>
      <translation>{file} kann nicht gelesen werden: {reason}.</translation>
    </message>
    <message>
      <source>Your account may not read the counters of the helper. An administrator can allow it: sudo netwatch-tray helper install</source>
      <translation>Ihr Konto darf die Zähler des Helfers nicht lesen. Ein Administrator kann es erlauben: sudo netwatch-tray helper install</translation>
    </message>
    <message>
      <source>The helper serves as many programs as it can. Close some of them.</source>
      <translation>Der Helfer bedient schon so viele Programme, wie er kann. Beenden Sie einige davon.</translation>
    </message>
    <message>
      <source>The helper cannot give up root's privileges here, so it does not start.</source>
      <translation>Der Helfer kann die Rechte von Root hier nicht abgeben, daher startet er nicht.</translation>
    </message>
    <message>
      <source>This system has no control groups of version 2, at which the counters are attached.</source>
      <translation>Dieses System hat keine Control Groups der Version 2, an denen die Zähler hängen.</translation>
    </message>
    <message>
      <source>The kernel permits no eBPF programs here: containers usually cannot load them, and elsewhere CAP_BPF and CAP_NET_ADMIN are needed.</source>
      <translation>Der Kernel erlaubt hier keine eBPF-Programme: Container können sie meist nicht laden, und sonst sind CAP_BPF und CAP_NET_ADMIN nötig.</translation>
    </message>
    <message>
      <source>This kernel has no bpf(2).</source>
      <translation>Dieser Kernel hat kein bpf(2).</translation>
    </message>
    <message>
      <source>The helper needs Linux.</source>
      <translation>Der Helfer braucht Linux.</translation>
    </message>
    <message>
      <source>In the sandbox of a Flatpak the helper can be neither set up nor used.</source>
      <translation>In der Sandbox eines Flatpaks lässt sich der Helfer weder einrichten noch benutzen.</translation>
    </message>
    <message>
      <source>This needs root: {command}</source>
      <translation>Das erfordert Root-Rechte: {command}</translation>
    </message>
    <message>
      <source>The helper does not answer.</source>
      <translation>Der Helfer antwortet nicht.</translation>
    </message>
    <message>
      <source>No source sees any interface.</source>
      <translation>Keine Quelle findet eine Schnittstelle.</translation>
    </message>
    <message>
      <source>The icon is drawn empty.</source>
      <translation>Das Symbol wird leer gezeichnet.</translation>
    </message>
    <message>
      <source>A new history is not empty.</source>
      <translation>Ein neuer Verlauf ist nicht leer.</translation>
    </message>
    <message>
      <source>No certificate authority of the system was found, so uploads would be refused. Everything else works. Install ca-certificates, or name a file of them in SSL_CERT_FILE.</source>
      <translation>Im System wurde keine Zertifizierungsstelle gefunden, daher würde jedes Hochladen abgewiesen. Alles andere funktioniert. Installieren Sie ca-certificates, oder nennen Sie eine Datei davon in SSL_CERT_FILE.</translation>
    </message>
    <message>
      <source>Symbols are missing or empty: {empty}.</source>
      <translation>Symbole fehlen oder sind leer: {empty}.</translation>
    </message>
    <message>
      <source>No font was found, so the window would have no text. Install fonts-dejavu-core.</source>
      <translation>Es wurde keine Schriftart gefunden, daher hätte das Fenster keinen Text. Installieren Sie fonts-dejavu-core.</translation>
    </message>
    <message>
      <source>The agent did not send its connections in time. Try again.</source>
      <translation>Der Agent hat seine Verbindungen nicht rechtzeitig gesendet. Versuchen Sie es noch einmal.</translation>
    </message>
    <message>
      <source>The agent is running already, but does not listen on {feed_socket}. It may have been started with another XDG_RUNTIME_DIR. End it and start it again.</source>
      <translation>Der Agent läuft bereits, ist aber unter {feed_socket} nicht erreichbar. Vielleicht wurde er mit einem anderen XDG_RUNTIME_DIR gestartet. Beenden Sie ihn und starten Sie ihn neu.</translation>
    </message>
    <message>
      <source>The window needs a library that this system does not have ({error}). Install it with your package manager. Without it, netwatch-tray watch shows the rates in the terminal.</source>
      <translation>Das Fenster braucht eine Bibliothek, die dieses System nicht hat ({error}). Installieren Sie sie mit Ihrer Paketverwaltung. Ohne sie zeigt netwatch-tray watch die Raten im Terminal.</translation>
    </message>
    <message>
      <source>The agent was asked to quit, but is still there after {seconds:.0f} s.</source>
      <translation>Der Agent sollte sich beenden, läuft aber nach {seconds:.0f} s noch.</translation>
    </message>
    <message>
      <source>The agent could not replay the recording.</source>
      <translation>Der Agent konnte die Aufzeichnung nicht abspielen.</translation>
    </message>
    <message>
      <source>The agent is running, but has too many clients. Close some of them.</source>
      <translation>Der Agent läuft, hat aber zu viele Verbindungen. Schließen Sie einige Fenster oder Befehle.</translation>
    </message>
    <message>
      <source>The agent is running, but does not answer. End it and start it again.</source>
      <translation>Der Agent läuft, antwortet aber nicht. Beenden Sie ihn und starten Sie ihn neu.</translation>
    </message>
    <message>
      <source>off</source>
      <translation>aus</translation>
    </message>
    <message>
      <source>the agent is not running</source>
      <translation>der Agent läuft nicht</translation>
    </message>
    <message>
      <source>{error} Live rates still work. A running agent sets the file aside and begins a new one.</source>
      <translation>{error} Aktuelle Raten funktionieren weiter. Ein laufender Agent benennt die Datei um und beginnt eine neue.</translation>
    </message>
    <message>
      <source>There is no history: it is off. Turn it on in the settings.</source>
      <translation>Es gibt keinen Verlauf: Er ist ausgeschaltet. Schalten Sie ihn in den Einstellungen ein.</translation>
    </message>
    <message>
      <source>There is no history yet. The agent reports: {fault}</source>
      <translation>Es gibt noch keinen Verlauf. Der Agent meldet: {fault}</translation>
    </message>
    <message>
      <source>There is no history yet: the first minute is being recorded. Try again in a minute.</source>
      <translation>Es gibt noch keinen Verlauf: Die erste Minute wird aufgezeichnet. Versuchen Sie es in einer Minute noch einmal.</translation>
    </message>
    <message>
      <source>The API key cannot be read from {file}: {reason}. Nothing was changed.</source>
      <translation>Der API-Schlüssel lässt sich nicht aus {file} lesen: {reason}. Nichts wurde geändert.</translation>
    </message>
    <message>
      <source>There is no API key in {file}. Nothing was changed.</source>
      <translation>In {file} steht kein API-Schlüssel. Nichts wurde geändert.</translation>
    </message>
    <message>
      <source>No key was given, so uploading is off. Run it again when you have one.</source>
      <translation>Es wurde kein Schlüssel eingegeben, daher ist das Hochladen aus. Rufen Sie den Befehl erneut auf, wenn Sie einen haben.</translation>
    </message>
    <message>
      <source>Uploading is off; nothing else was changed.</source>
      <translation>Das Hochladen ist aus; sonst wurde nichts geändert.</translation>
    </message>
    <message>
      <source>Port {port} cannot be served: {reason}.</source>
      <translation>Port {port} ist nicht verwendbar: {reason}.</translation>
    </message>
    <message>
      <source>The history has no network {name}. Did you mean {meant}?</source>
      <translation>Der Verlauf hat kein Netzwerk {name}. Meinten Sie {meant}?</translation>
    </message>
    <message>
      <source>The history has no network {name}. `usage --networks` lists them.</source>
      <translation>Der Verlauf hat kein Netzwerk {name}. `usage --networks` listet sie auf.</translation>
    </message>
    <message>
      <source>The API key must be one word of plain ASCII characters. Copy it again.</source>
      <translation>Der API-Schlüssel muss ein Wort aus ASCII-Zeichen sein. Kopieren Sie ihn noch einmal.</translation>
    </message>
    <message>
      <source>Invalid URL {url}{reason}.</source>
      <translation>Ungültige URL {url}{reason}.</translation>
    </message>
    <message>
      <source>Invalid URL {url}. Example: https://netwatch.example.org</source>
      <translation>Ungültige URL {url}. Beispiel: https://netwatch.example.org</translation>
    </message>
    <message>
      <source>The URL must not contain a user name, password, query or fragment.</source>
      <translation>Die URL darf weder Benutzernamen noch Passwort, Abfrage oder Fragment enthalten.</translation>
    </message>
    <message>
      <source>The URL {url} is not encrypted. Use https:// (http:// is for a server on this computer only).</source>
      <translation>Die URL {url} ist nicht verschlüsselt. Verwenden Sie https:// (http:// nur für einen Server auf diesem Rechner).</translation>
    </message>
    <message>
      <source>There is no API key for {endpoint}. Run: netwatch-tray upload setup</source>
      <translation>Für {endpoint} gibt es keinen API-Schlüssel. Rufen Sie auf: netwatch-tray upload setup</translation>
    </message>
    <message>
      <source>NETWATCH_INTERVAL is {text}; it must be a whole number of seconds from 10 to 3600.</source>
      <translation>NETWATCH_INTERVAL ist {text}; erlaubt ist eine ganze Zahl von Sekunden von 10 bis 3600.</translation>
    </message>
    <message>
      <source>{file}, which holds this host's id, cannot be read ({error}). Repair or remove it; without it the servers will see a new host.</source>
      <translation>{file} mit der Kennung dieses Rechners kann nicht gelesen werden ({error}). Reparieren oder entfernen Sie die Datei; ohne sie sehen die Server einen neuen Rechner.</translation>
    </message>
    <message>
      <source>The API key cannot be read from {upload_key_file}.</source>
      <translation>Der API-Schlüssel kann nicht aus {upload_key_file} gelesen werden.</translation>
    </message>
    <message>
      <source>The system's keyring did not answer. Unlock it, then start the upload again.</source>
      <translation>Der Schlüsselbund des Systems antwortet nicht. Entsperren Sie ihn und starten Sie das Hochladen neu.</translation>
    </message>
    <message>
      <source>The system's keyring refused to return the API key. Unlock it, or run: upload setup</source>
      <translation>Der Schlüsselbund des Systems gibt den API-Schlüssel nicht heraus. Entsperren Sie ihn, oder rufen Sie auf: upload setup</translation>
    </message>
    <message>
      <source>{file} cannot be written: {reason}.</source>
      <translation>{file} kann nicht geschrieben werden: {reason}.</translation>
    </message>
    <message>
      <source>{host} did not respond in time.</source>
      <translation>{host} hat nicht rechtzeitig geantwortet.</translation>
    </message>
    <message>
      <source>The certificate of {host} is not trusted: {reason}. Nothing was sent.</source>
      <translation>Das Zertifikat von {host} ist nicht vertrauenswürdig: {reason}. Es wurde nichts gesendet.</translation>
    </message>
    <message>
      <source>No encrypted connection to {host}: {reason}.</source>
      <translation>Keine verschlüsselte Verbindung zu {host}: {reason}.</translation>
    </message>
    <message>
      <source>{host} was not found: {reason}.</source>
      <translation>{host} wurde nicht gefunden: {reason}.</translation>
    </message>
    <message>
      <source>{host} closed the connection in the middle of its response.</source>
      <translation>{host} hat die Verbindung mitten in der Antwort geschlossen.</translation>
    </message>
    <message>
      <source>{host} cannot be reached: {reason}.</source>
      <translation>{host} ist nicht erreichbar: {reason}.</translation>
    </message>
    <message>
      <source>{host} cannot be reached: the connection broke off.</source>
      <translation>{host} ist nicht erreichbar: Die Verbindung ist abgebrochen.</translation>
    </message>
    <message>
      <source>{host} sent more than any response needs.</source>
      <translation>{host} hat mehr gesendet, als eine Antwort braucht.</translation>
    </message>
    <message>
      <source>{host} does not speak HTTP.</source>
      <translation>{host} antwortet nicht in HTTP.</translation>
    </message>
    <message>
      <source>encrypted, certificate verified</source>
      <translation>verschlüsselt, Zertifikat geprüft</translation>
    </message>
    <message>
      <source>not encrypted: it never leaves this computer</source>
      <translation>nicht verschlüsselt: verlässt diesen Rechner nicht</translation>
    </message>
    <message>
      <source>The proxy {proxy} did not respond in time.</source>
      <translation>Der Proxy {proxy} hat nicht rechtzeitig geantwortet.</translation>
    </message>
    <message>
      <source>The proxy {proxy} cannot be reached: {reason}.</source>
      <translation>Der Proxy {proxy} ist nicht erreichbar: {reason}.</translation>
    </message>
    <message>
      <source>The proxy {proxy} sent no valid response.</source>
      <translation>Der Proxy {proxy} hat keine gültige Antwort gesendet.</translation>
    </message>
    <message>
      <source>The proxy {proxy} requires another user name and password. Set them in HTTPS_PROXY: http://user:password@host:port</source>
      <translation>Der Proxy {proxy} verlangt einen anderen Benutzernamen und ein anderes Passwort. Setzen Sie beides in HTTPS_PROXY: http://user:password@host:port</translation>
    </message>
    <message>
      <source>The proxy {proxy} refused to connect to {target}: {reason}.</source>
      <translation>Der Proxy {proxy} verweigert die Verbindung zu {target}: {reason}.</translation>
    </message>
    <message>
      <source>Invalid proxy URL {url}. Correct HTTPS_PROXY.</source>
      <translation>Ungültige URL des Proxys {url}. Berichtigen Sie HTTPS_PROXY.</translation>
    </message>
    <message>
      <source>The proxy {url} cannot be used: only HTTP proxies (http://host:port) are supported. Set HTTPS_PROXY to one, or add the server to NO_PROXY.</source>
      <translation>Der Proxy {url} ist nicht verwendbar: Nur HTTP-Proxys (http://host:port) werden unterstützt. Setzen Sie HTTPS_PROXY auf einen solchen, oder nehmen Sie den Server in NO_PROXY auf.</translation>
    </message>
    <message>
      <source>metrics.address must be an IP address, not {address}.</source>
      <translation>metrics.address muss eine IP-Adresse sein, nicht {address}.</translation>
    </message>
    <message>
      <source>OpenTelemetry is not part of this installation; /metrics for Prometheus works without it. An installation by pipx takes it with: pipx inject netwatch-tray opentelemetry-sdk opentelemetry-exporter-otlp-proto-http</source>
      <translation>OpenTelemetry gehört nicht zu dieser Installation; /metrics für Prometheus geht auch ohne. Mit pipx kommt es hinzu durch: pipx inject netwatch-tray opentelemetry-sdk opentelemetry-exporter-otlp-proto-http</translation>
    </message>
    <message>
      <source>OTEL_EXPORTER_OTLP_PROTOCOL is grpc; only OTLP over HTTP is supported (port 4318).</source>
      <translation>OTEL_EXPORTER_OTLP_PROTOCOL ist grpc; unterstützt wird nur OTLP über HTTP (Port 4318).</translation>
    </message>
    <message>
      <source>A header for the OpenTelemetry collector is not usable: {name}. Example: authorization=Bearer%20TOKEN</source>
      <translation>Ein Header für den OpenTelemetry-Collector ist nicht brauchbar: {name}. Beispiel: authorization=Bearer%20TOKEN</translation>
    </message>
    <message>
      <source>{file} holds headers that others must not read. Run: chmod o= {file}</source>
      <translation>{file} enthält Header, die andere nicht lesen dürfen. Abhilfe: chmod o= {file}</translation>
    </message>
    <message>
      <source>The headers for the OpenTelemetry collector cannot be read from {file}: {error}.</source>
      <translation>Die Header für den OpenTelemetry-Collector lassen sich nicht aus {file} lesen: {error}.</translation>
    </message>
    <message>
      <source>OTEL_EXPORTER_OTLP_COMPRESSION is {text}; it must be gzip or none.</source>
      <translation>OTEL_EXPORTER_OTLP_COMPRESSION ist {text}; erlaubt sind gzip und none.</translation>
    </message>
    <message>
      <source>OTEL_EXPORTER_OTLP_TIMEOUT is {text}; it must be milliseconds, at most {most}.</source>
      <translation>OTEL_EXPORTER_OTLP_TIMEOUT ist {text}; erlaubt sind Millisekunden, höchstens {most}.</translation>
    </message>
    <message>
      <source>The file {file} of the OpenTelemetry collector's settings cannot be read.</source>
      <translation>Die Datei {file} aus den Einstellungen des OpenTelemetry-Collectors lässt sich nicht lesen.</translation>
    </message>
    <message>
      <source>OTEL_RESOURCE_ATTRIBUTES is not usable. Example: deployment.environment.name=home</source>
      <translation>OTEL_RESOURCE_ATTRIBUTES ist nicht brauchbar. Beispiel: deployment.environment.name=home</translation>
    </message>
    <message>
      <source>The OpenTelemetry collector does not accept the credentials. Check the headers.</source>
      <translation>Der OpenTelemetry-Collector nimmt die Zugangsdaten nicht an. Prüfen Sie die Header.</translation>
    </message>
    <message>
      <source>The OpenTelemetry collector does not allow this computer to send. Check the headers.</source>
      <translation>Der OpenTelemetry-Collector erlaubt diesem Rechner nicht zu senden. Prüfen Sie die Header.</translation>
    </message>
    <message>
      <source>There is no OpenTelemetry collector at this URL. Check the endpoint.</source>
      <translation>Unter dieser URL ist kein OpenTelemetry-Collector. Prüfen Sie die Adresse.</translation>
    </message>
    <message>
      <source>The OpenTelemetry collector refused {count} values ({reason}).</source>
      <translation>Der OpenTelemetry-Collector hat {count} Werte abgelehnt ({reason}).</translation>
    </message>
    <message>
      <source>The OpenTelemetry collector redirects to {url}, which is not followed. If you trust it, set it as the endpoint.</source>
      <translation>Der OpenTelemetry-Collector leitet auf {url} um; dem folgt NetWatch nicht. Wenn Sie der Adresse vertrauen, tragen Sie sie ein.</translation>
    </message>
    <message>
      <source>The OpenTelemetry collector is busy or failed ({quote}).</source>
      <translation>Der OpenTelemetry-Collector ist ausgelastet oder gestört ({quote}).</translation>
    </message>
    <message>
      <source>The OpenTelemetry collector refused what was sent ({quote}).</source>
      <translation>Der OpenTelemetry-Collector hat das Gesendete abgelehnt ({quote}).</translation>
    </message>
    <message>
      <source>The server asks for fewer requests.</source>
      <translation>Der Server verlangt weniger Anfragen.</translation>
    </message>
    <message>
      <source>The server does not accept the API key. Enter it again: netwatch-tray upload setup</source>
      <translation>Der Server lehnt den API-Schlüssel ab. Geben Sie ihn neu ein: netwatch-tray upload setup</translation>
    </message>
    <message>
      <source>The account at the server does not cover this host (its plan ended, or it has too many hosts).</source>
      <translation>Das Konto beim Server gilt nicht für diesen Rechner (der Tarif ist abgelaufen, oder es sind zu viele Rechner).</translation>
    </message>
    <message>
      <source>The server does not allow this API key to upload. Enter another: netwatch-tray upload setup</source>
      <translation>Der Server erlaubt mit diesem API-Schlüssel kein Hochladen. Geben Sie einen anderen ein: netwatch-tray upload setup</translation>
    </message>
    <message>
      <source>There is no NetWatch server at this URL. Check it: netwatch-tray upload setup</source>
      <translation>Unter dieser URL gibt es keinen NetWatch-Server. Prüfen Sie sie: netwatch-tray upload setup</translation>
    </message>
    <message>
      <source>The server redirects to {url}, which is not followed. If you trust it, enter it as the URL.</source>
      <translation>Der Server leitet auf {url} um; dem folgt NetWatch nicht. Wenn Sie der Adresse vertrauen, tragen Sie sie als Server ein.</translation>
    </message>
    <message>
      <source>The server failed ({quote}).</source>
      <translation>Der Server hat einen Fehler gemeldet ({quote}).</translation>
    </message>
    <message>
      <source>the server did not report a result for it</source>
      <translation>der Server hat dazu kein Ergebnis gemeldet</translation>
    </message>
    <message>
      <source>The server refused what was sent ({quote}).</source>
      <translation>Der Server hat die Sendung abgewiesen ({quote}).</translation>
    </message>
    <message>
      <source>Snapshots cannot be kept in {file}: {error}.</source>
      <translation>Messungen können nicht in {file} aufbewahrt werden: {error}.</translation>
    </message>
    <message>
      <source>The spool {file} cannot be used: {error}.</source>
      <translation>Die Warteschlange {file} ist nicht verwendbar: {error}.</translation>
    </message>
    <message>
      <source>Another agent sends the snapshots in {directory}. Quit one of the two.</source>
      <translation>Ein anderer Agent sendet die Messungen in {directory}. Beenden Sie einen der beiden.</translation>
    </message>
    <message>
      <source>starting</source>
      <translation>startet</translation>
    </message>
    <message>
      <source>Nothing was sent yet.</source>
      <translation>Noch nichts gesendet.</translation>
    </message>
    <message>
      <source>Last sent {time}.</source>
      <translation>Zuletzt gesendet: {time}.</translation>
    </message>
    <message>
      <source>This computer's clock is {skew} ahead of the server's: set it.</source>
      <translation>Die Uhr dieses Rechners geht {skew} gegenüber dem Server vor: Stellen Sie sie.</translation>
    </message>
    <message>
      <source>This computer's clock is {skew} behind the server's: set it.</source>
      <translation>Die Uhr dieses Rechners geht {skew} gegenüber dem Server nach: Stellen Sie sie.</translation>
    </message>
    <message>
      <source>{count} delivered</source>
      <translation>{count} zugestellt</translation>
    </message>
    <message>
      <source>{count} waiting</source>
      <translation>{count} wartend</translation>
    </message>
    <message>
      <source>{count} dropped (too old or too many)</source>
      <translation>{count} verworfen (zu alt oder zu viele)</translation>
    </message>
    <message>
      <source>{count} refused by the server ({reason})</source>
      <translation>{count} vom Server abgewiesen ({reason})</translation>
    </message>
    <message>
      <source>The server accepts nothing from a computer whose clock is that wrong.</source>
      <translation>Der Server nimmt nichts von einem Rechner an, dessen Uhr so falsch geht.</translation>
    </message>
    <message>
      <source>The server could not store everything; NetWatch sends the rest again.</source>
      <translation>Der Server konnte nicht alles speichern; NetWatch sendet den Rest noch einmal.</translation>
    </message>
    <message>
      <source>An unexpected error occurred; see the log.</source>
      <translation>Ein unerwarteter Fehler ist aufgetreten; siehe Protokoll.</translation>
    </message>
    <message>
      <source>{reason} Snapshots are kept for a day.</source>
      <translation>{reason} Messungen werden einen Tag aufbewahrt.</translation>
    </message>
    <message>
      <source>{count:.0f} days</source>
      <translation>{count:.0f} Tage</translation>
    </message>
    <message>
      <source>{count:.0f} hours</source>
      <translation>{count:.0f} Stunden</translation>
    </message>
    <message>
      <source>{count:.0f} minutes</source>
      <translation>{count:.0f} Minuten</translation>
    </message>
    <message>
      <source>Connections cannot be listed on {platform}.</source>
      <translation>Verbindungen lassen sich unter {platform} nicht auflisten.</translation>
    </message>
    <message>
      <source>Countries are not shown: reading {file} needs the Python package maxminddb.</source>
      <translation>Länder werden nicht gezeigt: Um {file} zu lesen, braucht es das Python-Paket maxminddb.</translation>
    </message>
    <message>
      <source>{file} is not a usable database of countries: {error}</source>
      <translation>{file} ist keine brauchbare Länderdatenbank: {error}</translation>
    </message>
    <message>
      <source>The kernel rounds these byte counters to 1024 and wraps them at 4 GiB.</source>
      <translation>Der Kernel rundet diese Bytezähler auf 1024 und beginnt nach 4 GiB von vorn.</translation>
    </message>
    <message>
      <source>macOS counts packets but no bytes on {names}, in every list of interfaces: the rates there are too low. The bytes of each connection, on the Connections page, are not affected.</source>
      <translation>macOS zählt bei {names} Pakete, aber keine Bytes, in jeder Liste der Schnittstellen: Die Raten dort sind zu niedrig. Die Bytes der einzelnen Verbindungen auf der Seite „Verbindungen“ sind nicht betroffen.</translation>
    </message>
    <message>
      <source>nettop is slow, so connections are read only while you look at them, and short ones are missed.</source>
      <translation>nettop ist langsam, daher werden Verbindungen nur gelesen, während Sie sie ansehen; kurze fehlen.</translation>
    </message>
    <message>
      <source>The kernel's own list counts no bytes, or wrong ones, on this macOS.</source>
      <translation>Die Liste des Kernels zählt unter diesem macOS keine oder falsche Bytes.</translation>
    </message>
    <message>
      <source>macOS does not report the last bytes of connections that close between two readings.</source>
      <translation>macOS meldet die letzten Bytes von Verbindungen nicht, die zwischen zwei Ablesungen enden.</translation>
    </message>
    <message>
      <source>From macOS 15 on it does not report what TCP connections send.</source>
      <translation>Ab macOS 15 meldet es nicht, was TCP-Verbindungen senden.</translation>
    </message>
    <message>
      <source>macOS hides the sockets of other programs from this one.</source>
      <translation>macOS verbirgt die Sockets anderer Programme vor diesem.</translation>
    </message>
    <message>
      <source>pcblist_n exists on macOS only.</source>
      <translation>pcblist_n gibt es nur unter macOS.</translation>
    </message>
    <message>
      <source>This macOS has no sysctl {name}.</source>
      <translation>Dieses macOS hat kein sysctl {name}.</translation>
    </message>
    <message>
      <source>macOS refused to answer sysctl {name}: {reason}.</source>
      <translation>macOS hat sysctl {name} abgelehnt: {reason}.</translation>
    </message>
    <message>
      <source>this system's C library has no sysctl: {error}</source>
      <translation>die C-Bibliothek dieses Systems hat kein sysctl: {error}</translation>
    </message>
    <message>
      <source>The helper is set up, but not running.</source>
      <translation>Der Helfer ist eingerichtet, läuft aber nicht.</translation>
    </message>
    <message>
      <source>The helper is running, but does not answer.</source>
      <translation>Der Helfer läuft, antwortet aber nicht.</translation>
    </message>
    <message>
      <source>The connection to the helper was lost.</source>
      <translation>Die Verbindung zum Helfer ist abgebrochen.</translation>
    </message>
    <message>
      <source>The helper sent data that cannot be read. Set it up again: sudo netwatch-tray helper install</source>
      <translation>Der Helfer hat unlesbare Daten gesendet. Richten Sie ihn neu ein: sudo netwatch-tray helper install</translation>
    </message>
    <message>
      <source>The helper cannot be reached: {reason}.</source>
      <translation>Der Helfer ist nicht erreichbar: {reason}.</translation>
    </message>
    <message>
      <source>The helper stopped.</source>
      <translation>Der Helfer hat sich beendet.</translation>
    </message>
    <message>
      <source>The helper refused the connection.</source>
      <translation>Der Helfer hat die Verbindung abgelehnt.</translation>
    </message>
    <message>
      <source>The helper is of another version. Set it up again: sudo netwatch-tray helper install</source>
      <translation>Der Helfer hat eine andere Version. Richten Sie ihn neu ein: sudo netwatch-tray helper install</translation>
    </message>
    <message>
      <source>There is no interface source {prefer} here. Choose one of: {names}.</source>
      <translation>Die Schnittstellenquelle {prefer} gibt es hier nicht. Wählen Sie eine von: {names}.</translation>
    </message>
    <message>
      <source>in use</source>
      <translation>in Gebrauch</translation>
    </message>
    <message>
      <source>No interface can be measured on this system. {reasons}</source>
      <translation>Auf diesem System lässt sich keine Schnittstelle messen. {reasons}</translation>
    </message>
    <message>
      <source>The kernel refused a netlink request: {reason}.</source>
      <translation>Der Kernel hat eine Netlink-Anfrage abgelehnt: {reason}.</translation>
    </message>
    <message>
      <source>/proc/net/dev cannot be opened: {reason}</source>
      <translation>/proc/net/dev kann nicht geöffnet werden: {reason}</translation>
    </message>
    <message>
      <source>Reading the interfaces of /proc/net failed: {reason}.</source>
      <translation>Die Schnittstellen in /proc/net konnten nicht gelesen werden: {reason}.</translation>
    </message>
    <message>
      <source>{file} does not count TCP connections.</source>
      <translation>{file} zählt keine TCP-Verbindungen.</translation>
    </message>
    <message>
      <source>{file} does not count what is refused.</source>
      <translation>{file} zählt nicht, was abgelehnt wird.</translation>
    </message>
    <message>
      <source>/proc/net has neither bytes nor rates.</source>
      <translation>/proc/net enthält weder Bytes noch Raten.</translation>
    </message>
    <message>
      <source>{root} cannot be read: {reason}.</source>
      <translation>{root} kann nicht gelesen werden: {reason}.</translation>
    </message>
    <message>
      <source>{root} has none of the tables of sockets.</source>
      <translation>{root} enthält keine Tabelle der Sockets.</translation>
    </message>
    <message>
      <source>no rtnetlink here: {reason}</source>
      <translation>hier gibt es kein rtnetlink: {reason}</translation>
    </message>
    <message>
      <source>Reading the interfaces failed: {reason}.</source>
      <translation>Die Schnittstellen konnten nicht gelesen werden: {reason}.</translation>
    </message>
    <message>
      <source>The interfaces change faster than they can be read; the next tick tries again.</source>
      <translation>Die Schnittstellen ändern sich schneller, als sie zu lesen sind; die nächste Messung versucht es wieder.</translation>
    </message>
    <message>
      <source>This kernel has no sock_diag ({reason}).</source>
      <translation>Dieser Kernel hat kein sock_diag ({reason}).</translation>
    </message>
    <message>
      <source>This kernel does not list sockets by sock_diag: {error}</source>
      <translation>Dieser Kernel listet Sockets nicht über sock_diag auf: {error}</translation>
    </message>
    <message>
      <source>The kernel no longer reports closed sockets: {reason}.</source>
      <translation>Der Kernel meldet geschlossene Sockets nicht mehr: {reason}.</translation>
    </message>
    <message>
      <source>The list of sockets could not be read: {error}</source>
      <translation>Die Liste der Sockets konnte nicht gelesen werden: {error}</translation>
    </message>
    <message>
      <source>This kernel does not list UDP sockets (it is built without CONFIG_INET_UDP_DIAG).</source>
      <translation>Dieser Kernel listet keine UDP-Sockets auf (gebaut ohne CONFIG_INET_UDP_DIAG).</translation>
    </message>
    <message>
      <source>sock_diag exists on Linux only.</source>
      <translation>sock_diag gibt es nur unter Linux.</translation>
    </message>
    <message>
      <source>ss misses the last bytes of connections that close between two readings.</source>
      <translation>ss erfasst die letzten Bytes von Verbindungen nicht, die zwischen zwei Ablesungen enden.</translation>
    </message>
    <message>
      <source>lsof lists your own processes only, without bytes or rates.</source>
      <translation>lsof zeigt nur Ihre eigenen Prozesse, ohne Bytes und Raten.</translation>
    </message>
    <message>
      <source>Rows of {source} that cannot be read: {count}. They were left out.</source>
      <translation>Nicht lesbare Zeilen von {source}: {count}. Sie wurden ausgelassen.</translation>
    </message>
    <message>
      <source>psutil reports neither bytes nor rates, and other users' sockets without their owner.</source>
      <translation>psutil meldet weder Bytes noch Raten, und Sockets anderer Benutzer ohne ihren Besitzer.</translation>
    </message>
    <message>
      <source>psutil could not list the connections: {error}</source>
      <translation>psutil konnte die Verbindungen nicht auflisten: {error}</translation>
    </message>
    <message>
      <source>This source reports no default routes, so all interfaces that are up make the total.</source>
      <translation>Diese Quelle meldet keine Standardrouten, daher bilden alle aktiven Schnittstellen die Summe.</translation>
    </message>
    <message>
      <source>psutil could not read the interfaces ({error}); the next tick tries again.</source>
      <translation>psutil konnte die Schnittstellen nicht lesen ({error}); die nächste Messung versucht es wieder.</translation>
    </message>
    <message>
      <source>/proc/stat has no boot time.</source>
      <translation>/proc/stat enthält keine Startzeit.</translation>
    </message>
    <message>
      <source>The load is not known.</source>
      <translation>Die Last ist nicht bekannt.</translation>
    </message>
    <message>
      <source>{program} is not installed.</source>
      <translation>{program} ist nicht installiert.</translation>
    </message>
    <message>
      <source>{name} had to wait for another tool for more than {timeout:g} s.</source>
      <translation>{name} musste mehr als {timeout:g} s auf ein anderes Werkzeug warten.</translation>
    </message>
    <message>
      <source>{name} did not finish within {timeout:g} s and was stopped.</source>
      <translation>{name} wurde nicht innerhalb von {timeout:g} s fertig und wurde beendet.</translation>
    </message>
    <message>
      <source>{name} wrote more than {most_bytes} bytes and was stopped.</source>
      <translation>{name} hat mehr als {most_bytes} Bytes geschrieben und wurde beendet.</translation>
    </message>
    <message>
      <source>{name} was killed by signal {signal}: {words}.</source>
      <translation>{name} wurde durch Signal {signal} beendet: {words}.</translation>
    </message>
    <message>
      <source>{name} failed with exit code {code}: {words}.</source>
      <translation>{name} ist mit Code {code} fehlgeschlagen: {words}.</translation>
    </message>
    <message>
      <source>{name} could not be started: {reason}.</source>
      <translation>{name} konnte nicht gestartet werden: {reason}.</translation>
    </message>
    <message>
      <source>The desktop files cannot be installed: {filename}: {reason}. NetWatch works without them; it has no entry in the menu of programs, and some panels show no icon.</source>
      <translation>Die Desktop-Dateien können nicht installiert werden: {filename}: {reason}. NetWatch funktioniert ohne sie; es fehlt der Eintrag im Programmmenü, und manche Leisten zeigen kein Symbol.</translation>
    </message>
    <message>
      <source>The desktop files cannot be removed: {filename}: {reason}.</source>
      <translation>Die Desktop-Dateien können nicht entfernt werden: {filename}: {reason}.</translation>
    </message>
    <message>
      <source>The agent is running, but busy: it accepts no connection now. Try again.</source>
      <translation>Der Agent läuft, ist aber ausgelastet und nimmt gerade keine Verbindung an. Versuchen Sie es noch einmal.</translation>
    </message>
    <message>
      <source>The agent is not running. Start it with: netwatch-tray (without a display: netwatch-tray agent --headless)</source>
      <translation>Der Agent läuft nicht. Start mit: netwatch-tray (ohne Bildschirm: netwatch-tray agent --headless)</translation>
    </message>
    <message>
      <source>The connection to the agent was closed.</source>
      <translation>Die Verbindung zum Agenten wurde geschlossen.</translation>
    </message>
    <message>
      <source>The agent cannot listen on {path}: {reason}.</source>
      <translation>Der Agent kann unter {path} nicht erreichbar sein: {reason}.</translation>
    </message>
    <message>
      <source>There is no systemd here. Root can run the helper in a terminal: netwatch-tray helper run</source>
      <translation>Hier gibt es kein systemd. Root kann den Helfer im Terminal starten: netwatch-tray helper run</translation>
    </message>
    <message>
      <source>The helper needs Python 3.11 or newer as {python}, which only root can change.</source>
      <translation>Der Helfer braucht Python 3.11 oder neuer als {python}, das nur Root ändern kann.</translation>
    </message>
    <message>
      <source>This needs root.</source>
      <translation>Das erfordert Root-Rechte.</translation>
    </message>
    <message>
      <source>The helper cannot work here: {reason}</source>
      <translation>Der Helfer kann hier nicht arbeiten: {reason}</translation>
    </message>
    <message>
      <source>Other users than root can change {found}, so the helper is not installed in {code}.</source>
      <translation>Auch andere Benutzer als Root können {found} ändern, daher wird der Helfer nicht in {code} installiert.</translation>
    </message>
    <message>
      <source>{command} failed: {reason}</source>
      <translation>{command} ist fehlgeschlagen: {reason}</translation>
    </message>
    <message>
      <source>A helper serves already on {socket}.</source>
      <translation>Unter {socket} läuft bereits ein Helfer.</translation>
    </message>
    <message>
      <source>The hosts of apps cannot be kept in {directory}: {reason}.</source>
      <translation>Die Hosts von Apps können nicht in {directory} behalten werden: {reason}.</translation>
    </message>
    <message>
      <source>The backup {file} cannot be written: it is no regular file.</source>
      <translation>Die Sicherung {file} kann nicht geschrieben werden: Es ist keine gewöhnliche Datei.</translation>
    </message>
    <message>
      <source>The backup {file} cannot be written: {reason}.</source>
      <translation>Die Sicherung {file} lässt sich nicht schreiben: {reason}.</translation>
    </message>
    <message>
      <source>Days of {file} are in this history already, so nothing was merged: they would count twice. To go back to a backup, restore it.</source>
      <translation>Tage von {file} sind schon in diesem Verlauf, darum wurde nichts zusammengeführt: sie würden doppelt zählen. Um zu einer Sicherung zurückzukehren, holen Sie sie zurück.</translation>
    </message>
    <message>
      <source>{file} is empty: it is no history.</source>
      <translation>{file} ist leer: das ist kein Verlauf.</translation>
    </message>
    <message>
      <source>Damaged values in the history, left out or set to 0: {count}, first: {first}. Everything else is kept, and totals are what the interfaces counted.</source>
      <translation>Beschädigte Werte im Verlauf, ausgelassen oder auf 0 gesetzt: {count}, der erste: {first}. Alles andere bleibt, und Summen sind, was die Schnittstellen gezählt haben.</translation>
    </message>
    <message>
      <source>Nothing in {file} could be read.</source>
      <translation>Nichts in {file} war lesbar.</translation>
    </message>
    <message>
      <source>All of {file} was carried over (days: {days}, parts of curves: {hours}).</source>
      <translation>{file} wurde vollständig übernommen (Tage: {days}, Kurvenstücke: {hours}).</translation>
    </message>
    <message>
      <source>What can be read of {file} was carried over (days: {days}, parts of curves: {hours}).</source>
      <translation>Das Lesbare aus {file} wurde übernommen (Tage: {days}, Kurvenstücke: {hours}).</translation>
    </message>
    <message>
      <source>The history {file} is damaged ({error}).</source>
      <translation>Der Verlauf {file} ist beschädigt ({error}).</translation>
    </message>
    <message>
      <source>The disk is full: live rates still work, recording continues when there is room.</source>
      <translation>Der Datenträger ist voll: Aktuelle Raten funktionieren weiter, die Aufzeichnung geht weiter, sobald Platz ist.</translation>
    </message>
    <message>
      <source>It cannot be written; live rates still work. Check who owns it and its folder.</source>
      <translation>Er kann nicht geschrieben werden; aktuelle Raten funktionieren weiter. Prüfen Sie, wem er und sein Ordner gehören.</translation>
    </message>
    <message>
      <source>It cannot be opened; live rates still work. Check who owns it and its folder.</source>
      <translation>Er kann nicht geöffnet werden; aktuelle Raten funktionieren weiter. Prüfen Sie, wem er und sein Ordner gehören.</translation>
    </message>
    <message>
      <source>Another program is writing it; NetWatch tries again in a minute.</source>
      <translation>Ein anderes Programm schreibt ihn gerade; NetWatch versucht es in einer Minute wieder.</translation>
    </message>
    <message>
      <source>Live rates still work; NetWatch tries again in a minute.</source>
      <translation>Aktuelle Raten funktionieren weiter; NetWatch versucht es in einer Minute wieder.</translation>
    </message>
    <message>
      <source>The history {file}: {error}. {advice}</source>
      <translation>Der Verlauf {file}: {error}. {advice}</translation>
    </message>
    <message>
      <source>The history {file} cannot be written: {reason}. Live rates still work; check who owns its folder.</source>
      <translation>Der Verlauf {file} kann nicht geschrieben werden: {reason}. Aktuelle Raten funktionieren weiter; prüfen Sie, wem der Ordner gehört.</translation>
    </message>
    <message>
      <source>The history {file} cannot be read: {reason}. Live rates still work; check who owns its folder.</source>
      <translation>Der Verlauf {file} kann nicht gelesen werden: {reason}. Aktuelle Raten funktionieren weiter; prüfen Sie, wem der Ordner gehört.</translation>
    </message>
    <message>
      <source>The history {file} is damaged (its table {name} has other columns).</source>
      <translation>Der Verlauf {file} ist beschädigt (die Tabelle {name} hat andere Spalten).</translation>
    </message>
    <message>
      <source>The history {file} is damaged ({verdict}).</source>
      <translation>Der Verlauf {file} ist beschädigt ({verdict}).</translation>
    </message>
    <message>
      <source>The damaged history {file} cannot be renamed: {reason}.</source>
      <translation>Der beschädigte Verlauf {file} kann nicht umbenannt werden: {reason}.</translation>
    </message>
    <message>
      <source>There is no history yet in {file}: start the program with `netwatch-tray`.</source>
      <translation>In {file} gibt es noch keinen Verlauf: Starten Sie das Programm mit `netwatch-tray`.</translation>
    </message>
    <message>
      <source>The history {file} is of an older version. Start the program once: it brings the file up to date.</source>
      <translation>Der Verlauf {file} stammt von einer älteren Version. Starten Sie das Programm einmal: Es bringt die Datei auf den neuen Stand.</translation>
    </message>
    <message>
      <source>The file {file} is not a history of this program. It stays untouched and nothing is recorded; live rates still work. Move it away, and a history begins.</source>
      <translation>Die Datei {file} ist kein Verlauf dieses Programms. Sie bleibt unberührt, und es wird nichts aufgezeichnet; aktuelle Raten funktionieren weiter. Verschieben Sie die Datei, dann beginnt ein Verlauf.</translation>
    </message>
    <message>
      <source>The history {file} was written by a newer version of this program (its format is {version}, this one reads {known}). It stays untouched, nothing is recorded. Install the newer version again.</source>
      <translation>Der Verlauf {file} stammt von einer neueren Version dieses Programms (Format {version}, diese liest {known}). Er bleibt unberührt, und es wird nichts aufgezeichnet. Installieren Sie wieder die neuere Version.</translation>
    </message>
    <message>
      <source>{name} is not carried over yet ({error}); NetWatch tries again at the next start.</source>
      <translation>{name} ist noch nicht übernommen ({error}); NetWatch versucht es beim nächsten Start wieder.</translation>
    </message>
    <message>
      <source>The history {file}: a row that was just stored cannot be found again.</source>
      <translation>Der Verlauf {file}: Eine eben gespeicherte Zeile ist nicht wiederzufinden.</translation>
    </message>
    <message>
      <source>Another program records into {file}: this one does not, so that nothing is counted twice.</source>
      <translation>Ein anderes Programm zeichnet in {file} auf: Dieses tut es nicht, damit nichts doppelt zählt.</translation>
    </message>
    <message>
      <source>vnStat's format {jsonversion} is not supported (supported: {units}). Nothing was imported; a newer version of this program may support it.</source>
      <translation>Das vnStat-Format {jsonversion} wird nicht unterstützt (unterstützt: {units}). Es wurde nichts importiert; eine neuere Version dieses Programms kennt es vielleicht.</translation>
    </message>
    <message>
      <source>No row of this export is valid, first: {refused}. Nothing was imported.</source>
      <translation>Keine Zeile dieses Exports ist gültig, die erste: {refused}. Es wurde nichts importiert.</translation>
    </message>
    <message>
      <source>This is not what `vnstat --json` prints: {error}. Nothing was imported.</source>
      <translation>Das ist nicht die Ausgabe von `vnstat --json`: {error}. Es wurde nichts importiert.</translation>
    </message>
    <message>
      <source>{fault} The damaged file was renamed to {aside}, and a new history was begun.</source>
      <translation>{fault} Die beschädigte Datei heißt jetzt {aside}, und ein neuer Verlauf hat begonnen.</translation>
    </message>
    <message>
      <source>There is no private directory for the agent's socket ({directory}: {reason}). Set XDG_RUNTIME_DIR to a directory of your own with mode 0700.</source>
      <translation>Es gibt kein privates Verzeichnis für den Socket des Agenten ({directory}: {reason}). Setzen Sie XDG_RUNTIME_DIR auf ein eigenes Verzeichnis mit den Rechten 0700.</translation>
    </message>
    <message>
      <source>{directory} must be a directory of yours with mode 0700, because the agent's socket lies in it. Run: chmod 700 {directory} (or remove it if it is not yours).</source>
      <translation>{directory} muss ein eigenes Verzeichnis mit den Rechten 0700 sein, weil darin der Socket des Agenten liegt. Rufen Sie auf: chmod 700 {directory} (oder entfernen Sie es, wenn es nicht Ihres ist).</translation>
    </message>
    <message>
      <source>{directory} is too long for the path of a socket ({limit} bytes with the name of the socket). Set XDG_RUNTIME_DIR to a shorter directory of your own with mode 0700.</source>
      <translation>{directory} ist zu lang für den Pfad eines Sockets ({limit} Bytes mit dem Namen des Sockets). Setzen Sie XDG_RUNTIME_DIR auf ein kürzeres eigenes Verzeichnis mit den Rechten 0700.</translation>
    </message>
    <message>
      <source>The recording cannot be written to {file}: {reason}.</source>
      <translation>Die Aufzeichnung kann nicht in {file} geschrieben werden: {reason}.</translation>
    </message>
    <message>
      <source>The recording {file} cannot be read: {reason}.</source>
      <translation>Die Aufzeichnung {file} ist nicht lesbar: {reason}.</translation>
    </message>
    <message>
      <source>{file} is not a recording of NetWatch Tray ({error}).</source>
      <translation>{file} ist keine Aufzeichnung von NetWatch Tray ({error}).</translation>
    </message>
    <message>
      <source>{file} is a recording of version {version}, and this program reads version {known}. Replay it with NetWatch Tray {program}.</source>
      <translation>{file} ist eine Aufzeichnung der Version {version}, dieses Programm liest Version {known}. Spielen Sie sie mit NetWatch Tray {program} ab.</translation>
    </message>
    <message>
      <source>recorded</source>
      <translation>wird aufgezeichnet</translation>
    </message>
    <message>
      <source>The recording {file} holds no measurement.</source>
      <translation>Die Aufzeichnung {file} enthält keine Messung.</translation>
    </message>
    <message>
      <source>replayed</source>
      <translation>wird abgespielt</translation>
    </message>
    <message>
      <source>The recording has ended.</source>
      <translation>Die Aufzeichnung ist zu Ende.</translation>
    </message>
    <message>
      <source>Other programs kept the loopback busy in {rounds} rounds, so nothing could be compared. Try again later.</source>
      <translation>Andere Programme haben das Loopback in {rounds} Durchgängen benutzt, daher war kein Vergleich möglich. Versuchen Sie es später noch einmal.</translation>
    </message>
    <message>
      <source>{name} shows no loopback interface that is up, so known amounts cannot be moved.</source>
      <translation>{name} zeigt keine aktive Loopback-Schnittstelle, daher lassen sich keine bekannten Mengen übertragen.</translation>
    </message>
    <message>
      <source>Set by your administrator in {file}: {keys}. You cannot change this.</source>
      <translation>Vom Administrator festgelegt in {file}: {keys}. Das können Sie nicht ändern.</translation>
    </message>
    <message>
      <source>Fault in the settings file {file}: {fault}.</source>
      <translation>Fehler in der Einstellungsdatei {file}: {fault}.</translation>
    </message>
    <message>
      <source>tables or lists are nested too deeply</source>
      <translation>Tabellen oder Listen sind zu tief verschachtelt</translation>
    </message>
    <message>
      <source>and {count} more</source>
      <translation>und {count} weitere</translation>
    </message>
    <message>
      <source>These settings cannot be saved: {error}.</source>
      <translation>Diese Einstellungen können nicht gespeichert werden: {error}.</translation>
    </message>
    <message>
      <source>{name} must be {allowed}</source>
      <translation>{name} muss {allowed} sein</translation>
    </message>
    <message>
      <source>{name} is not a setting</source>
      <translation>{name} ist keine Einstellung</translation>
    </message>
    <message>
      <source>{name} is not a setting (did you mean {other}?)</source>
      <translation>{name} ist keine Einstellung (meinten Sie {other}?)</translation>
    </message>
    <message>
      <source>true or false</source>
      <translation>true oder false</translation>
    </message>
    <message>
      <source>one of {words}</source>
      <translation>eines von {words}</translation>
    </message>
    <message>
      <source>a whole number from {least} to {most}</source>
      <translation>eine ganze Zahl von {least} bis {most}</translation>
    </message>
    <message>
      <source>a number above {least}, up to {most}</source>
      <translation>eine Zahl über {least}, höchstens {most},</translation>
    </message>
    <message>
      <source>a time such as "22:00"</source>
      <translation>eine Uhrzeit wie "22:00"</translation>
    </message>
    <message>
      <source>a date such as 2026-11-30</source>
      <translation>ein Datum wie 2026-11-30</translation>
    </message>
    <message>
      <source>a time such as 2026-11-30T14:02:00</source>
      <translation>ein Zeitpunkt wie 2026-11-30T14:02:00</translation>
    </message>
    <message>
      <source>text in quotes</source>
      <translation>Text in Anführungszeichen</translation>
    </message>
    <message>
      <source>a table</source>
      <translation>eine Tabelle</translation>
    </message>
    <message>
      <source>not a regular file</source>
      <translation>keine gewöhnliche Datei</translation>
    </message>
    <message>
      <source>file and directory must belong to root and be writable by root alone</source>
      <translation>Datei und Verzeichnis müssen root gehören, und nur root darf in sie schreiben</translation>
    </message>
    <message>
      <source>the file is larger than {limit} KiB</source>
      <translation>die Datei ist größer als {limit} KiB</translation>
    </message>
    <message>
      <source>a line is longer than {limit} bytes</source>
      <translation>eine Zeile ist länger als {limit} Bytes</translation>
    </message>
    <message>
      <source>not text in UTF-8</source>
      <translation>kein Text in UTF-8</translation>
    </message>
    <message>
      <source>out of memory</source>
      <translation>nicht genug Arbeitsspeicher</translation>
    </message>
    <message>
      <source>The settings file {file} cannot be read: {fault}.</source>
      <translation>Die Einstellungsdatei {file} ist nicht lesbar: {fault}.</translation>
    </message>
    <message>
      <source>The settings cannot be saved in {file}: {reason}.</source>
      <translation>Die Einstellungen können nicht in {file} gespeichert werden: {reason}.</translation>
    </message>
    <message>
      <source>The settings were not changed: another program has been writing them for {patience:.0f} s ({file} is locked). Try again.</source>
      <translation>Die Einstellungen wurden nicht geändert: Ein anderes Programm schreibt sie seit {patience:.0f} s ({file} ist gesperrt). Versuchen Sie es noch einmal.</translation>
    </message>
    <message>
      <source>The settings in {file} cannot be changed: {error}. Edit the file by hand.</source>
      <translation>Die Einstellungen in {file} können nicht geändert werden: {error}. Bearbeiten Sie die Datei von Hand.</translation>
    </message>
    <message>
      <source>The settings in {file} cannot be changed without losing others. Edit the file by hand.</source>
      <translation>Die Einstellungen in {file} können nicht geändert werden, ohne andere zu verlieren. Bearbeiten Sie die Datei von Hand.</translation>
    </message>
    <message>
      <source>closed</source>
      <translation>geschlossen</translation>
    </message>
    <message>
      <source>no icon: {reason}; trying again</source>
      <translation>kein Symbol: {reason}; es wird wieder versucht</translation>
    </message>
    <message>
      <source>this is macOS</source>
      <translation>dies ist macOS</translation>
    </message>
    <message>
      <source>a Linux desktop shows icons that register on its session bus</source>
      <translation>ein Linux-Desktop zeigt Symbole, die sich an seinem Sitzungsbus anmelden</translation>
    </message>
    <message>
      <source>There is no tray icon on this system ({platform}). The window and the terminal commands work.</source>
      <translation>Auf diesem System ({platform}) gibt es kein Symbol im Infobereich. Das Fenster und die Befehle im Terminal funktionieren.</translation>
    </message>
    <message>
      <source>The session bus at {address} cannot be used ({failure}), so only an older (XEmbed) tray can show the icon. The window and the terminal commands work. Start NetWatch from within the desktop session to get the icon.</source>
      <translation>Der Sitzungsbus unter {address} ist nicht verwendbar ({failure}), daher kann nur ein älterer Infobereich (XEmbed) das Symbol zeigen. Das Fenster und die Befehle im Terminal funktionieren. Starten Sie NetWatch in der Desktop-Sitzung, um das Symbol zu bekommen.</translation>
    </message>
    <message>
      <source>the connection to the session bus was lost ({error})</source>
      <translation>die Verbindung zum Sitzungsbus ist abgebrochen ({error})</translation>
    </message>
    <message>
      <source>the session bus does not read what it is sent</source>
      <translation>der Sitzungsbus liest nicht, was ihm gesendet wird</translation>
    </message>
    <message>
      <source>the session bus closed the connection</source>
      <translation>der Sitzungsbus hat die Verbindung geschlossen</translation>
    </message>
    <message>
      <source>the session bus sends what is not D-Bus ({error})</source>
      <translation>der Sitzungsbus sendet etwas anderes als D-Bus ({error})</translation>
    </message>
    <message>
      <source>icon shown</source>
      <translation>Symbol sichtbar</translation>
    </message>
    <message>
      <source>icon shown, but out of sight now (full screen, screen off, or a bar without room)</source>
      <translation>Symbol da, aber gerade nicht zu sehen (Vollbild, Bildschirm aus oder kein Platz in der Leiste)</translation>
    </message>
    <message>
      <source>icon not seen yet: System Settings &gt; Menu Bar may hide it, or the bar has no room</source>
      <translation>Symbol noch nicht sichtbar: Systemeinstellungen &gt; Menüleiste verbirgt es, oder die Leiste hat keinen Platz</translation>
    </message>
    <message>
      <source>waiting for a tray: none is on the session bus</source>
      <translation>wartet auf einen Infobereich: am Sitzungsbus ist keiner</translation>
    </message>
    <message>
      <source>the tray refuses the icon; trying again</source>
      <translation>der Infobereich lehnt das Symbol ab; es wird wieder versucht</translation>
    </message>
    <message>
      <source>registering the icon</source>
      <translation>meldet das Symbol an</translation>
    </message>
    <message>
      <source>waiting for a panel to show the icon</source>
      <translation>wartet darauf, dass eine Leiste das Symbol zeigt</translation>
    </message>
    <message>
      <source>the panel was restarted and may not update it</source>
      <translation>die Leiste wurde neu gestartet und aktualisiert es vielleicht nicht</translation>
    </message>
    <message>
      <source>the X server does not report trays ({error})</source>
      <translation>der X-Server meldet keinen Infobereich ({error})</translation>
    </message>
    <message>
      <source>not opened</source>
      <translation>nicht geöffnet</translation>
    </message>
    <message>
      <source>no icon: chosen in the settings</source>
      <translation>kein Symbol: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>XEmbed: icon shown by process {pid}</source>
      <translation>XEmbed: Symbol sichtbar durch Prozess {pid}</translation>
    </message>
    <message>
      <source>XEmbed: process {pid} is waiting for a tray</source>
      <translation>XEmbed: Prozess {pid} wartet auf einen Infobereich</translation>
    </message>
    <message>
      <source>macOS does not show the icon. Allow NetWatch in System Settings › Menu Bar (macOS 26 and later), or make room in the menu bar: it leaves out what does not fit. Until then NetWatch keeps measuring, and opening the application again opens this window.</source>
      <translation>macOS zeigt das Symbol nicht. Erlauben Sie NetWatch in Systemeinstellungen › Menüleiste (ab macOS 26), oder schaffen Sie Platz in der Menüleiste: Was nicht passt, lässt sie weg. Bis dahin misst NetWatch weiter, und ein erneutes Öffnen des Programms öffnet dieses Fenster.</translation>
    </message>
    <message>
      <source>GNOME itself shows no tray icons. Install the extension “AppIndicator and KStatusNotifierItem Support” (Debian, Ubuntu, Fedora: gnome-shell-extension-appindicator), switch it on and log in again. Until then NetWatch keeps measuring, and “netwatch-tray” opens this window.</source>
      <translation>GNOME selbst zeigt keine Symbole im Infobereich. Installieren Sie die Erweiterung „AppIndicator and KStatusNotifierItem Support“ (Debian, Ubuntu, Fedora: gnome-shell-extension-appindicator), schalten Sie sie ein und melden Sie sich neu an. Bis dahin misst NetWatch weiter, und „netwatch-tray“ öffnet dieses Fenster.</translation>
    </message>
    <message>
      <source>Add a tray to your panel (“Status Tray”, “System Tray” or “Notification Area”; in waybar the module “tray”), or install one, such as trayer: the icon then appears by itself. Until then NetWatch keeps measuring, and “netwatch-tray” opens this window.</source>
      <translation>Fügen Sie Ihrer Leiste einen Infobereich hinzu („Status-Tray“, „Systemabschnitt“ oder „Benachrichtigungsfeld“; in waybar das Modul „tray“), oder installieren Sie einen, etwa trayer: Das Symbol erscheint dann von selbst. Bis dahin misst NetWatch weiter, und „netwatch-tray“ öffnet dieses Fenster.</translation>
    </message>
    <message>
      <source>“{text}” is not an amount. Write a number and a unit, such as 500 GB or 2.5 TB.</source>
      <translation>„{text}“ ist keine Menge. Schreiben Sie eine Zahl und eine Einheit, etwa 500 GB oder 2,5 TB.</translation>
    </message>
    <message>
      <source>“{text}” has no unit. Write {number} GB or {number} TB.</source>
      <translation>„{text}“ hat keine Einheit. Schreiben Sie {number} GB oder {number} TB.</translation>
    </message>
    <message>
      <source>“{text}” is in bits. Write bytes, with a capital B.</source>
      <translation>„{text}“ ist in Bit. Schreiben Sie Byte, mit großem B.</translation>
    </message>
    <message>
      <source>“{text}” may be two amounts. Write it without a separator of thousands.</source>
      <translation>„{text}“ kann zwei Mengen heißen. Schreiben Sie es ohne Tausendertrenner.</translation>
    </message>
    <message>
      <source>“{text}” is too large: at most {most}.</source>
      <translation>„{text}“ ist zu groß: höchstens {most}.</translation>
    </message>
    <message>
      <source>The history cannot be read: {error}</source>
      <translation>Der Verlauf ist nicht lesbar: {error}</translation>
    </message>
    <message>
      <source>“{text}” is not a date. Write it as 2026-11-03.</source>
      <translation>„{text}“ ist kein Datum. Schreiben Sie es als 2026-11-03.</translation>
    </message>
    <message>
      <source>There is no display, so no window can open. The rates can be seen in the terminal: netwatch-tray watch</source>
      <translation>Es gibt keine Anzeige, daher kann kein Fenster geöffnet werden. Die Raten zeigt das Terminal: netwatch-tray watch</translation>
    </message>
    <message>
      <source>The display {environ} does not answer, so no window can open. The rates can be seen in the terminal: netwatch-tray watch</source>
      <translation>Die Anzeige {environ} antwortet nicht, daher kann kein Fenster geöffnet werden. Die Raten zeigt das Terminal: netwatch-tray watch</translation>
    </message>
    <message>
      <source>No window can open: the library libxcb-cursor is not installed. Everything else works. Run: sudo apt install libxcb-cursor0</source>
      <translation>Es kann kein Fenster geöffnet werden: Die Bibliothek libxcb-cursor ist nicht installiert. Alles andere funktioniert. Rufen Sie auf: sudo apt install libxcb-cursor0</translation>
    </message>
    <message>
      <source>No window can open: {path} cannot be made ({reason}). The tray and the terminal commands still work.</source>
      <translation>Es kann kein Fenster geöffnet werden: {path} lässt sich nicht anlegen ({reason}). Infobereich und Befehle im Terminal funktionieren.</translation>
    </message>
    <message>
      <source>The window is open already, but does not answer. Close it, or end its process, and try again.</source>
      <translation>Das Fenster ist bereits offen, antwortet aber nicht. Schließen Sie es oder beenden Sie seinen Prozess, und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
      <source>January</source>
      <translation>Januar</translation>
    </message>
    <message>
      <source>February</source>
      <translation>Februar</translation>
    </message>
    <message>
      <source>March</source>
      <translation>März</translation>
    </message>
    <message>
      <source>April</source>
      <translation>April</translation>
    </message>
    <message>
      <source>May</source>
      <translation>Mai</translation>
    </message>
    <message>
      <source>June</source>
      <translation>Juni</translation>
    </message>
    <message>
      <source>July</source>
      <translation>Juli</translation>
    </message>
    <message>
      <source>August</source>
      <translation>August</translation>
    </message>
    <message>
      <source>September</source>
      <translation>September</translation>
    </message>
    <message>
      <source>October</source>
      <translation>Oktober</translation>
    </message>
    <message>
      <source>November</source>
      <translation>November</translation>
    </message>
    <message>
      <source>December</source>
      <translation>Dezember</translation>
    </message>
    <message>
      <source>{day} {month}</source>
      <translation>{day}. {month}</translation>
    </message>
  </context>
  <context>
    <name>MiniWindow</name>
    <message>
      <source>NetWatch mini window</source>
      <translation>NetWatch-Minifenster</translation>
    </message>
    <message>
      <source>Your desktop decides whether it stays on top.</source>
      <translation>Ob es vorn bleibt, entscheidet der Desktop.</translation>
    </message>
    <message>
      <source>Open NetWatch</source>
      <translation>NetWatch öffnen</translation>
    </message>
    <message>
      <source>Settings…</source>
      <translation>Einstellungen …</translation>
    </message>
    <message>
      <source>Close</source>
      <translation>Schließen</translation>
    </message>
    <message>
      <source>Today {amount}</source>
      <translation>Heute {amount}</translation>
    </message>
    <message>
      <source>Download {down}, upload {up}</source>
      <translation>Download {down}, Upload {up}</translation>
    </message>
  </context>
  <context>
    <name>MutedEvents</name>
    <message>
      <source>Muted events are recorded and counted. They never notify.</source>
      <translation>Stumme Ereignisse werden aufgezeichnet und gezählt. Sie melden sich nie.</translation>
    </message>
    <message>
      <source>None. Mute an event on the Events page, or in its notification.</source>
      <translation>Keine. Ein Ereignis lässt sich auf der Seite „Ereignisse“ oder in seiner Meldung stummschalten.</translation>
    </message>
    <message>
      <source>Muted</source>
      <translation>Stumm</translation>
    </message>
    <message>
      <source>Unmute</source>
      <translation>Nicht mehr stumm</translation>
    </message>
    <message>
      <source>Unmute: {name}</source>
      <translation>Nicht mehr stumm: {name}</translation>
    </message>
  </context>
  <context>
    <name>Navigator</name>
    <message>
      <source>Earlier ([)</source>
      <translation>Früher ([)</translation>
    </message>
    <message>
      <source>Later (])</source>
      <translation>Später (])</translation>
    </message>
    <message>
      <source>List of periods</source>
      <translation>Liste der Zeiträume</translation>
    </message>
  </context>
  <context>
    <name>Notices</name>
    <message>
      <source>The agent is of another version than this window.</source>
      <translation>Der Agent hat eine andere Version als dieses Fenster.</translation>
    </message>
    <message>
      <source>What was measured so far is safe. Quit NetWatch from its tray icon and start it again.</source>
      <translation>Was gemessen wurde, ist sicher. Beenden Sie NetWatch über sein Symbol und starten Sie es neu.</translation>
    </message>
    <message>
      <source>The agent is starting …</source>
      <translation>Der Agent startet …</translation>
    </message>
    <message>
      <source>There are no rates without it.</source>
      <translation>Ohne ihn gibt es keine Raten.</translation>
    </message>
    <message>
      <source>Start it</source>
      <translation>Starten</translation>
    </message>
    <message>
      <source>Try now</source>
      <translation>Jetzt versuchen</translation>
    </message>
    <message>
      <source>Reconnecting in {seconds} s.</source>
      <translation>Neuer Versuch in {seconds} s.</translation>
    </message>
    <message>
      <source>The agent is not running.</source>
      <translation>Der Agent läuft nicht.</translation>
    </message>
    <message>
      <source>There are no rates without it. Start it with: netwatch-tray</source>
      <translation>Ohne ihn gibt es keine Raten. Starten Sie ihn mit: netwatch-tray</translation>
    </message>
    <message>
      <source>The agent stopped.</source>
      <translation>Der Agent läuft nicht mehr.</translation>
    </message>
    <message>
      <source>No live rates. The chart is complete up to {time}.</source>
      <translation>Keine aktuellen Raten. Das Diagramm ist bis {time} vollständig.</translation>
    </message>
    <message>
      <source>Something is missing.</source>
      <translation>Etwas fehlt.</translation>
    </message>
    <message>
      <source>Fault in the settings.</source>
      <translation>Fehler in den Einstellungen.</translation>
    </message>
    <message>
      <source>No system tray found.</source>
      <translation>Kein Infobereich gefunden.</translation>
    </message>
    <message>
      <source>Understood</source>
      <translation>Verstanden</translation>
    </message>
    <message>
      <source>And {count} more.</source>
      <translation>Und {count} weitere.</translation>
    </message>
  </context>
  <context>
    <name>PlanBar</name>
    <message>
      <source>Solid: used. Striped: projected. Tick: today.</source>
      <translation>Voll: verbraucht. Gestreift: hochgerechnet. Strich: heute.</translation>
    </message>
  </context>
  <context>
    <name>RangeChart</name>
    <message>
      <source>1 min</source>
      <translation>1 min</translation>
    </message>
    <message>
      <source>5 min</source>
      <translation>5 min</translation>
    </message>
    <message>
      <source>1 h</source>
      <translation>1 h</translation>
    </message>
    <message>
      <source>24 h</source>
      <translation>24 h</translation>
    </message>
    <message>
      <source>7 d</source>
      <translation>7 T</translation>
    </message>
    <message>
      <source>30 d</source>
      <translation>30 T</translation>
    </message>
    <message>
      <source>1 y</source>
      <translation>1 J</translation>
    </message>
    <message>
      <source>Time range</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>The chart as a table</source>
      <translation>Das Diagramm als Tabelle</translation>
    </message>
    <message>
      <source>The chart as a table (T)</source>
      <translation>Das Diagramm als Tabelle (T)</translation>
    </message>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>A part of the range: Escape or a double click shows all</source>
      <translation>Ein Ausschnitt: Esc oder Doppelklick zeigt alles</translation>
    </message>
    <message>
      <source>{seconds:g} s</source>
      <translation>{seconds:g} s</translation>
    </message>
    <message>
      <source>1 point = {length}</source>
      <translation>1 Punkt = {length}</translation>
    </message>
    <message>
      <source>line: average, band: peak</source>
      <translation>Linie: Mittel, Band: Spitze</translation>
    </message>
    <message>
      <source>{range}, a part</source>
      <translation>{range}, ein Teil</translation>
    </message>
    <message>
      <source>1 bar = 1 h</source>
      <translation>1 Balken = 1 h</translation>
    </message>
    <message>
      <source>1 bar = 6 h</source>
      <translation>1 Balken = 6 h</translation>
    </message>
    <message>
      <source>1 bar = 1 day</source>
      <translation>1 Balken = 1 Tag</translation>
    </message>
    <message>
      <source>1 bar = 1 week</source>
      <translation>1 Balken = 1 Woche</translation>
    </message>
    <message>
      <source>rate: 1 point = {length}</source>
      <translation>Rate: 1 Punkt = {length}</translation>
    </message>
    <message>
      <source>last minute</source>
      <translation>letzte Minute</translation>
    </message>
    <message>
      <source>last 5 minutes</source>
      <translation>letzte 5 Minuten</translation>
    </message>
    <message>
      <source>last hour</source>
      <translation>letzte Stunde</translation>
    </message>
    <message>
      <source>last 24 hours</source>
      <translation>letzte 24 Stunden</translation>
    </message>
    <message>
      <source>last 7 days</source>
      <translation>letzte 7 Tage</translation>
    </message>
    <message>
      <source>last 30 days</source>
      <translation>letzte 30 Tage</translation>
    </message>
    <message>
      <source>last year</source>
      <translation>letztes Jahr</translation>
    </message>
  </context>
  <context>
    <name>RateReadout</name>
    <message>
      <source>download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>upload</source>
      <translation>Upload</translation>
    </message>
    <message>
      <source>{direction} {rate}</source>
      <translation>{direction} {rate}</translation>
    </message>
    <message>
      <source>unknown</source>
      <translation>unbekannt</translation>
    </message>
  </context>
  <context>
    <name>RatesStrip</name>
    <message>
      <source>Why this total</source>
      <translation>Warum diese Summe</translation>
    </message>
    <message>
      <source>Lists every interface and whether it is counted</source>
      <translation>Nennt jede Schnittstelle und ob sie zählt</translation>
    </message>
    <message>
      <source>Show the total</source>
      <translation>Summe zeigen</translation>
    </message>
    <message>
      <source>Show the total again (Escape)</source>
      <translation>Wieder die Summe zeigen (Esc)</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Summe</translation>
    </message>
    <message>
      <source>Rates and chart are those of {name}. Show the total</source>
      <translation>Raten und Diagramm zeigen {name}. Summe zeigen</translation>
    </message>
    <message>
      <source>Unknown: the agent is not measuring</source>
      <translation>Unbekannt: der Agent misst nicht</translation>
    </message>
    <message>
      <source>Unknown for this moment: {reason}</source>
      <translation>Im Augenblick unbekannt: {reason}</translation>
    </message>
    <message>
      <source>Unknown until the second sample: a rate needs two</source>
      <translation>Unbekannt bis zur zweiten Messung: eine Rate braucht zwei</translation>
    </message>
    <message>
      <source>Nothing is measured yet.</source>
      <translation>Noch ist nichts gemessen.</translation>
    </message>
    <message>
      <source>Nothing is measured now.</source>
      <translation>Zurzeit wird nichts gemessen.</translation>
    </message>
    <message>
      <source>No interface is counted: none leads out of this computer.</source>
      <translation>Keine Schnittstelle zählt: keine führt aus diesem Rechner hinaus.</translation>
    </message>
    <message>
      <source>All of {names}.</source>
      <translation>Alles von {names}.</translation>
    </message>
    <message>
      <source>{names} only.</source>
      <translation>Nur {names}.</translation>
    </message>
    <message>
      <source>1 interface not counted.</source>
      <translation>1 Schnittstelle zählt nicht.</translation>
    </message>
    <message>
      <source>{count} interfaces not counted.</source>
      <translation>{count} Schnittstellen zählen nicht.</translation>
    </message>
  </context>
  <context>
    <name>ReconciliationStrip</name>
    <message>
      <source>What is “other”</source>
      <translation>Was ist „anderes“</translation>
    </message>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>= TCP by app </source>
      <translation>= TCP der Apps </translation>
    </message>
    <message>
      <source> + UDP, QUIC and other </source>
      <translation> + UDP, QUIC und anderes </translation>
    </message>
    <message>
      <source>= TCP </source>
      <translation>= TCP </translation>
    </message>
    <message>
      <source> + other </source>
      <translation> + anderes </translation>
    </message>
    <message>
      <source> + UDP </source>
      <translation> + UDP </translation>
    </message>
    <message>
      <source> + UDP and QUIC </source>
      <translation> + UDP und QUIC </translation>
    </message>
    <message>
      <source>The system counts the bytes of each TCP connection, and the helper those of UDP and QUIC.</source>
      <translation>Das System zählt die Bytes jeder TCP-Verbindung, und der Helfer die von UDP und QUIC.</translation>
    </message>
    <message>
      <source>“Other” is what the interfaces carried besides: headers, repeated packets, ICMP and what this computer forwards.</source>
      <translation>„Anderes“ ist, was die Schnittstellen außerdem übertrugen: Header, wiederholte Pakete, ICMP und was dieser Rechner weiterleitet.</translation>
    </message>
    <message>
      <source>The system counts the bytes of each TCP connection, but not those of UDP sockets.</source>
      <translation>Das System zählt die Bytes jeder TCP-Verbindung, aber nicht die von UDP-Sockets.</translation>
    </message>
    <message>
      <source>“Other” is what the interfaces carried besides: UDP, QUIC, DNS, headers and repeated packets.</source>
      <translation>„Anderes“ ist, was die Schnittstellen außerdem übertrugen: UDP, QUIC, DNS, Header und wiederholte Pakete.</translation>
    </message>
    <message>
      <source>The rows below also hold what stays inside this computer or makes up a tunnel; these sums do not.</source>
      <translation>Die Zeilen darunter enthalten auch, was in diesem Rechner bleibt oder einen Tunnel bildet; diese Summen nicht.</translation>
    </message>
    <message>
      <source>Apps are {percent:.0f} % above the interfaces: they are read at different moments.</source>
      <translation>Die Apps liegen {percent:.0f} % über den Schnittstellen: sie werden zu verschiedenen Momenten gelesen.</translation>
    </message>
  </context>
  <context>
    <name>SearchField</name>
    <message>
      <source>Clear the filter (Escape)</source>
      <translation>Filter leeren (Esc)</translation>
    </message>
  </context>
  <context>
    <name>Settings</name>
    <message>
      <source>Reset now</source>
      <translation>Jetzt zurücksetzen</translation>
    </message>
    <message>
      <source>Remove</source>
      <translation>Entfernen</translation>
    </message>
    <message>
      <source>Language</source>
      <translation>Sprache</translation>
    </message>
    <message>
      <source>System</source>
      <translation>System</translation>
    </message>
    <message>
      <source>An open window keeps its language until it is opened again.</source>
      <translation>Ein offenes Fenster behält seine Sprache, bis es neu geöffnet wird.</translation>
    </message>
    <message>
      <source>Colour scheme</source>
      <translation>Farbschema</translation>
    </message>
    <message>
      <source>Light</source>
      <translation>Hell</translation>
    </message>
    <message>
      <source>Dark</source>
      <translation>Dunkel</translation>
    </message>
    <message>
      <source>For this window. The icon follows its panel.</source>
      <translation>Für dieses Fenster. Das Symbol richtet sich nach seiner Leiste.</translation>
    </message>
    <message>
      <source>Mini window at start</source>
      <translation>Minifenster beim Start</translation>
    </message>
    <message>
      <source>Rates above all other windows. Ctrl+Shift+M opens it at any time.</source>
      <translation>Raten über allen anderen Fenstern. Strg+Umschalt+M öffnet es jederzeit.</translation>
    </message>
    <message>
      <source>Countries of addresses</source>
      <translation>Länder von Adressen</translation>
    </message>
    <message>
      <source>From a database on this computer, if there is one. Nothing is requested.</source>
      <translation>Aus einer Datenbank auf diesem Rechner, wenn es eine gibt. Nichts wird abgefragt.</translation>
    </message>
    <message>
      <source>One scale for download and upload</source>
      <translation>Eine Skala für Download und Upload</translation>
    </message>
    <message>
      <source>In charts of rates: the same height is the same rate.</source>
      <translation>In Diagrammen von Raten: gleiche Höhe ist gleiche Rate.</translation>
    </message>
    <message>
      <source>Rates of</source>
      <translation>Raten von</translation>
    </message>
    <message>
      <source>The total</source>
      <translation>Die Summe</translation>
    </message>
    <message>
      <source>Shown by the icon, its tooltip and its text.</source>
      <translation>Das zeigen das Symbol, sein Tooltip und sein Text.</translation>
    </message>
    <message>
      <source>Rates beside the icon</source>
      <translation>Raten neben dem Symbol</translation>
    </message>
    <message>
      <source>Where the bar has room for text.</source>
      <translation>Wo die Leiste Platz für Text hat.</translation>
    </message>
    <message>
      <source>Rates in the icon</source>
      <translation>Raten im Symbol</translation>
    </message>
    <message>
      <source>As digits, for trays without text beside it (KDE, LXQt, older trays).</source>
      <translation>Als Ziffern, wo daneben kein Text steht (KDE, LXQt, ältere Infobereiche).</translation>
    </message>
    <message>
      <source>New rates every</source>
      <translation>Neue Raten alle</translation>
    </message>
    <message>
      <source>{seconds} s</source>
      <translation>{seconds} s</translation>
    </message>
    <message>
      <source>The tray shows averages of that time; measuring continues every second.</source>
      <translation>Der Infobereich zeigt Mittelwerte über diese Zeit; gemessen wird weiter jede Sekunde.</translation>
    </message>
    <message>
      <source>Rates in</source>
      <translation>Raten in</translation>
    </message>
    <message>
      <source>Bytes</source>
      <translation>Bytes</translation>
    </message>
    <message>
      <source>Bits</source>
      <translation>Bits</translation>
    </message>
    <message>
      <source>Amounts are always in bytes.</source>
      <translation>Mengen sind immer in Bytes.</translation>
    </message>
    <message>
      <source>Multiples of</source>
      <translation>Vielfache von</translation>
    </message>
    <message>
      <source>1000: kB, MB. 1024: KiB, MiB.</source>
      <translation>1000: kB, MB. 1024: KiB, MiB.</translation>
    </message>
    <message>
      <source>Keep a history</source>
      <translation>Verlauf führen</translation>
    </message>
    <message>
      <source>On this computer alone.</source>
      <translation>Nur auf diesem Rechner.</translation>
    </message>
    <message>
      <source>At most</source>
      <translation>Höchstens</translation>
    </message>
    <message>
      <source>When full, the oldest hourly data is deleted; daily totals stay.</source>
      <translation>Ist der Platz voll, werden die ältesten Stundenwerte gelöscht; Tagessummen bleiben.</translation>
    </message>
    <message>
      <source>Keep hosts of apps</source>
      <translation>Hosts von Apps behalten</translation>
    </message>
    <message>
      <source>1 day</source>
      <translation>1 Tag</translation>
    </message>
    <message>
      <source>30 days</source>
      <translation>30 Tage</translation>
    </message>
    <message>
      <source>1 year</source>
      <translation>1 Jahr</translation>
    </message>
    <message>
      <source>Which app moved how much with which host. A day is kept in memory; more in files of up to 50 MB, with the names of hosts.</source>
      <translation>Welche App mit welchem Host wie viel ausgetauscht hat. Ein Tag bleibt im Speicher; mehr in Dateien von bis zu 50 MB, mit den Namen von Hosts.</translation>
    </message>
    <message>
      <source>Names of networks</source>
      <translation>Namen von Netzen</translation>
    </message>
    <message>
      <source>Usage by network with its name, such as that of the Wi-Fi, from NetworkManager. On this computer alone, never uploaded.</source>
      <translation>Verbrauch nach Netz mit dessen Namen, etwa dem des WLANs, von NetworkManager. Nur auf diesem Rechner, nie hochgeladen.</translation>
    </message>
    <message>
      <source>Allowed in a month</source>
      <translation>Im Monat erlaubt</translation>
    </message>
    <message>
      <source>No cap</source>
      <translation>Keine Grenze</translation>
    </message>
    <message>
      <source>Download and upload together, such as 500 GB or 2.5 TB; you are notified at 80 and 100 %.</source>
      <translation>Download und Upload zusammen, etwa 500 GB oder 2,5 TB; bei 80 und 100 % werden Sie benachrichtigt.</translation>
    </message>
    <message>
      <source>The month begins on day</source>
      <translation>Der Monat beginnt am Tag</translation>
    </message>
    <message>
      <source>As on your bill.</source>
      <translation>Wie auf Ihrer Rechnung.</translation>
    </message>
    <message>
      <source>Instead of a month</source>
      <translation>Statt eines Monats</translation>
    </message>
    <message>
      <source> days</source>
      <translation> Tage</translation>
    </message>
    <message>
      <source>Prepaid plans last 28 or 30 days, from the day below on. 0: a month.</source>
      <translation>Prepaid-Tarife laufen 28 oder 30 Tage, vom Tag darunter an. 0: ein Monat.</translation>
    </message>
    <message>
      <source>First day of a period</source>
      <translation>Erster Tag eines Zeitraums</translation>
    </message>
    <message>
      <source>No day</source>
      <translation>Kein Tag</translation>
    </message>
    <message>
      <source>Of any period, such as the day you paid: 2026-11-03.</source>
      <translation>Von einem beliebigen Zeitraum, etwa der Tag der Zahlung: 2026-11-03.</translation>
    </message>
    <message>
      <source>What counts</source>
      <translation>Was zählt</translation>
    </message>
    <message>
      <source>All</source>
      <translation>Alle</translation>
    </message>
    <message>
      <source>Metered</source>
      <translation>Getaktete</translation>
    </message>
    <message>
      <source>Internet</source>
      <translation>Internet</translation>
    </message>
    <message>
      <source>Metered: networks that NetworkManager calls so, such as a phone's. Internet: without what is known to have stayed in the local network.</source>
      <translation>Getaktet: Netze, die NetworkManager so nennt, etwa das eines Telefons. Internet: ohne den Verkehr, der nachweislich im lokalen Netz blieb.</translation>
    </message>
    <message>
      <source>Counter on the Usage page</source>
      <translation>Zähler auf der Seite „Verbrauch“</translation>
    </message>
    <message>
      <source>off</source>
      <translation>aus</translation>
    </message>
    <message>
      <source>Counts the traffic since you reset it.</source>
      <translation>Zählt den Verkehr, seit Sie ihn zurückgesetzt haben.</translation>
    </message>
    <message>
      <source>Look for what is unusual</source>
      <translation>Nach Ungewöhnlichem suchen</translation>
    </message>
    <message>
      <source>On this computer alone. What was found before stays.</source>
      <translation>Nur auf diesem Rechner. Was schon gefunden ist, bleibt.</translation>
    </message>
    <message>
      <source>Notifications</source>
      <translation>Meldungen</translation>
    </message>
    <message>
      <source>Alerts</source>
      <translation>Alarme</translation>
    </message>
    <message>
      <source>And notices</source>
      <translation>Und Hinweise</translation>
    </message>
    <message>
      <source>None</source>
      <translation>Keine</translation>
    </message>
    <message>
      <source>The Events page lists everything in any case.</source>
      <translation>Die Seite „Ereignisse“ zeigt in jedem Fall alles.</translation>
    </message>
    <message>
      <source>Quiet from</source>
      <translation>Ruhe ab</translation>
    </message>
    <message>
      <source>Quiet until</source>
      <translation>Ruhe bis</translation>
    </message>
    <message>
      <source>Nothing notifies between these times, also across midnight.</source>
      <translation>Zwischen diesen Zeiten meldet sich nichts, auch über Mitternacht.</translation>
    </message>
    <message>
      <source>Unusual upload: times the usual day</source>
      <translation>Ungewöhnlicher Upload: Vielfaches des üblichen Tages</translation>
    </message>
    <message>
      <source>An app that sends more raises an alert. The usual day is the median of 28 days.</source>
      <translation>Sendet eine App mehr, gibt es einen Alarm. Der übliche Tag ist der Median von 28 Tagen.</translation>
    </message>
    <message>
      <source>Unusual upload: at least</source>
      <translation>Ungewöhnlicher Upload: mindestens</translation>
    </message>
    <message>
      <source>Long upload: above</source>
      <translation>Langer Upload: über</translation>
    </message>
    <message>
      <source>Off</source>
      <translation>Aus</translation>
    </message>
    <message>
      <source>Long upload: for</source>
      <translation>Langer Upload: für</translation>
    </message>
    <message>
      <source> min</source>
      <translation> min</translation>
    </message>
    <message>
      <source>An upload above that rate for this long raises an alert, for any app.</source>
      <translation>Ein so langer Upload über dieser Rate löst einen Alarm aus, bei jeder App.</translation>
    </message>
    <message>
      <source>Every</source>
      <translation>Alle</translation>
    </message>
    <message>
      <source> s</source>
      <translation> s</translation>
    </message>
    <message>
      <source>Each has the traffic since the previous one.</source>
      <translation>Jede enthält den Verkehr seit der vorigen.</translation>
    </message>
    <message>
      <source>Hide addresses</source>
      <translation>Adressen verbergen</translation>
    </message>
    <message>
      <source>They become “private”, “public” or “loopback”.</source>
      <translation>Sie werden zu „private“, „public“ oder „loopback“.</translation>
    </message>
    <message>
      <source>Hide names</source>
      <translation>Namen verbergen</translation>
    </message>
    <message>
      <source>Names of the computer, users, apps and disks become random words.</source>
      <translation>Namen von Rechner, Benutzern, Apps und Platten werden zu Zufallswörtern.</translation>
    </message>
    <message>
      <source>Serve metrics to Prometheus</source>
      <translation>Messwerte für Prometheus bereitstellen</translation>
    </message>
    <message>
      <source>At 127.0.0.1:9464, unless the settings file has another address. No apps and no connections.</source>
      <translation>Unter 127.0.0.1:9464, falls die Einstellungsdatei nichts anderes sagt. Ohne Apps und Verbindungen.</translation>
    </message>
    <message>
      <source>Never</source>
      <translation>Nie</translation>
    </message>
    <message>
      <source>Set by your administrator.</source>
      <translation>Vom Administrator festgelegt.</translation>
    </message>
  </context>
  <context>
    <name>SettingsPage</name>
    <message>
      <source>Start at login</source>
      <translation>Bei der Anmeldung starten</translation>
    </message>
    <message>
      <source>Backup</source>
      <translation>Sicherung</translation>
    </message>
    <message>
      <source>Other histories</source>
      <translation>Andere Verläufe</translation>
    </message>
    <message>
      <source>Delete history</source>
      <translation>Verlauf löschen</translation>
    </message>
    <message>
      <source>Changes apply at once</source>
      <translation>Änderungen gelten sofort</translation>
    </message>
    <message>
      <source>The settings were not saved</source>
      <translation>Die Einstellungen wurden nicht gespeichert</translation>
    </message>
    <message>
      <source>The agent with its icon, not this window.</source>
      <translation>Der Agent mit seinem Symbol, nicht dieses Fenster.</translation>
    </message>
    <message>
      <source>Automatic counts each byte once: what passes through another interface is left out.</source>
      <translation>Automatisch zählt jedes Byte einmal: was durch eine andere Schnittstelle läuft, bleibt weg.</translation>
    </message>
    <message>
      <source>General</source>
      <translation>Allgemein</translation>
    </message>
    <message>
      <source>Tray</source>
      <translation>Infobereich</translation>
    </message>
    <message>
      <source>Units</source>
      <translation>Einheiten</translation>
    </message>
    <message>
      <source>Interfaces in the total</source>
      <translation>Was gezählt wird</translation>
    </message>
    <message>
      <source>History</source>
      <translation>Verlauf</translation>
    </message>
    <message>
      <source>Events</source>
      <translation>Ereignisse</translation>
    </message>
    <message>
      <source>Data plan</source>
      <translation>Datentarif</translation>
    </message>
    <message>
      <source>Names and UDP</source>
      <translation>Namen und UDP</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Senden</translation>
    </message>
    <message>
      <source>About</source>
      <translation>Über NetWatch</translation>
    </message>
  </context>
  <context>
    <name>StackView</name>
    <message>
      <source>now</source>
      <translation>jetzt</translation>
    </message>
    <message>
      <source>today</source>
      <translation>heute</translation>
    </message>
    <message>
      <source>not known</source>
      <translation>nicht bekannt</translation>
    </message>
    <message>
      <source>Who used the line, {range}</source>
      <translation>Wer die Leitung nutzte, {range}</translation>
    </message>
    <message>
      <source>Who used the line</source>
      <translation>Wer die Leitung nutzte</translation>
    </message>
    <message>
      <source>download and upload, {range}</source>
      <translation>Download und Upload, {range}</translation>
    </message>
    <message>
      <source>{hint}: point at a moment to see who</source>
      <translation>{hint}: auf einen Moment zeigen, um zu sehen, wer</translation>
    </message>
    <message>
      <source>1 point = {length}</source>
      <translation>1 Punkt = {length}</translation>
    </message>
    <message>
      <source>1 column = 1 week</source>
      <translation>1 Säule = 1 Woche</translation>
    </message>
    <message>
      <source>1 column = 1 day</source>
      <translation>1 Säule = 1 Tag</translation>
    </message>
    <message>
      <source>Others, and not of any app</source>
      <translation>Andere, und zu keiner App</translation>
    </message>
    <message>
      <source>No traffic.</source>
      <translation>Kein Verkehr.</translation>
    </message>
  </context>
  <context>
    <name>StatusLine</name>
    <message>
      <source>Not measuring</source>
      <translation>Misst nicht</translation>
    </message>
    <message>
      <source>1 source missing</source>
      <translation>1 Quelle fehlt</translation>
    </message>
    <message>
      <source>{count} sources missing</source>
      <translation>{count} Quellen fehlen</translation>
    </message>
    <message>
      <source>Agent: {cost}</source>
      <translation>Agent: {cost}</translation>
    </message>
  </context>
  <context>
    <name>SummaryStrip</name>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>The present period (Home)</source>
      <translation>Der jetzige Zeitraum (Pos1)</translation>
    </message>
    <message>
      <source>Week</source>
      <translation>Woche</translation>
    </message>
    <message>
      <source>Month</source>
      <translation>Monat</translation>
    </message>
    <message>
      <source>Year</source>
      <translation>Jahr</translation>
    </message>
    <message>
      <source>Period</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>Data plan…</source>
      <translation>Tarif…</translation>
    </message>
    <message>
      <source>The cap, and the day its month begins on</source>
      <translation>Die Grenze, und der Tag, an dem ihr Monat beginnt</translation>
    </message>
    <message>
      <source>The usage of all networks, or of one</source>
      <translation>Der Verbrauch aller Netze oder eines einzelnen</translation>
    </message>
    <message>
      <source>All networks</source>
      <translation>Alle Netze</translation>
    </message>
  </context>
  <context>
    <name>TabRow</name>
    <message>
      <source>Interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Usage</source>
      <translation>Verbrauch</translation>
    </message>
    <message>
      <source>Events</source>
      <translation>Ereignisse</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>Freezes the display; measuring continues (Space)</source>
      <translation>Friert die Anzeige ein; gemessen wird weiter (Leertaste)</translation>
    </message>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
    <message>
      <source>Live</source>
      <translation>Live</translation>
    </message>
    <message>
      <source>Freeze</source>
      <translation>Einfrieren</translation>
    </message>
  </context>
  <context>
    <name>Terminal</name>
    <message>
      <source>start at login: on, off, or whether it is on (exit code 1: off)</source>
      <translation>Start bei der Anmeldung: on (ein), off (aus), status (Exit-Code 1: aus)</translation>
    </message>
    <message>
      <source>on: {file}</source>
      <translation>ein: {file}</translation>
    </message>
    <message>
      <source>off</source>
      <translation>aus</translation>
    </message>
    <message>
      <source>who is connected, with measured rates</source>
      <translation>wer verbunden ist, mit gemessenen Raten</translation>
    </message>
    <message>
      <source>show listening sockets instead</source>
      <translation>stattdessen lauschende Sockets zeigen</translation>
    </message>
    <message>
      <source>also list connections in TIME_WAIT, which have ended</source>
      <translation>auch Verbindungen in TIME_WAIT aufführen, die schon beendet sind</translation>
    </message>
    <message>
      <source>look up the names of remote addresses in DNS</source>
      <translation>Namen der Gegenstellen im DNS nachschlagen</translation>
    </message>
    <message>
      <source>which app moves how much</source>
      <translation>welche App wie viel überträgt</translation>
    </message>
    <message>
      <source>with the hosts that each app is connected to now</source>
      <translation>mit den Rechnern, mit denen jede App verbunden ist</translation>
    </message>
    <message>
      <source>order of the rows (default: %(default)s)</source>
      <translation>Reihenfolge der Zeilen (sonst: %(default)s)</translation>
    </message>
    <message>
      <source>only the first N</source>
      <translation>nur die ersten N</translation>
    </message>
    <message>
      <source>only apps with this text in their name</source>
      <translation>nur Apps mit diesem Text im Namen</translation>
    </message>
    <message>
      <source>one JSON document</source>
      <translation>ein JSON-Dokument</translation>
    </message>
    <message>
      <source>comma-separated values with a header row</source>
      <translation>durch Kommas getrennte Werte mit Kopfzeile</translation>
    </message>
    <message>
      <source>again every 2 seconds, until Ctrl-C</source>
      <translation>alle 2 Sekunden neu, bis Strg-C</translation>
    </message>
    <message>
      <source>1 connection in TIME_WAIT is over and left out; --all lists it.</source>
      <translation>1 Verbindung in TIME_WAIT ist zu Ende und fehlt hier; --all führt sie auf.</translation>
    </message>
    <message>
      <source>{count} connections in TIME_WAIT are over and left out; --all lists them.</source>
      <translation>{count} Verbindungen in TIME_WAIT sind zu Ende und fehlen hier; --all führt sie auf.</translation>
    </message>
    <message>
      <source>HOST</source>
      <translation>RECHNER</translation>
    </message>
    <message>
      <source>ADDRESS</source>
      <translation>ADRESSE</translation>
    </message>
    <message>
      <source>LOCAL</source>
      <translation>LOKAL</translation>
    </message>
    <message>
      <source>REMOTE</source>
      <translation>GEGENSTELLE</translation>
    </message>
    <message>
      <source>PROTOCOL</source>
      <translation>PROTOKOLL</translation>
    </message>
    <message>
      <source>STATE</source>
      <translation>ZUSTAND</translation>
    </message>
    <message>
      <source>{origin}, provider</source>
      <translation>{origin}, Anbieter</translation>
    </message>
    <message>
      <source>PROCESSES</source>
      <translation>PROZESSE</translation>
    </message>
    <message>
      <source>CONNECTIONS</source>
      <translation>VERBINDUNGEN</translation>
    </message>
    <message>
      <source>RECEIVED</source>
      <translation>EMPFANGEN</translation>
    </message>
    <message>
      <source>SENT</source>
      <translation>GESENDET</translation>
    </message>
    <message>
      <source>total {total} = TCP by app {tcp} + UDP, QUIC and other {other}</source>
      <translation>Summe {total} = TCP je App {tcp} + UDP, QUIC und anderes {other}</translation>
    </message>
    <message>
      <source>total {total} = TCP by app {tcp} + UDP and QUIC by app {udp} + headers and other {other}</source>
      <translation>Summe {total} = TCP je App {tcp} + UDP und QUIC je App {udp} + Header und anderes {other}</translation>
    </message>
    <message>
      <source>must be a day such as 2026-01-31, yesterday or -7d, not {text!r}</source>
      <translation>muss ein Tag wie 2026-01-31, yesterday (gestern) oder -7d sein, nicht {text!r}</translation>
    </message>
    <message>
      <source>last day, inclusive; default: today</source>
      <translation>letzter Tag, einschließlich; Vorgabe: heute</translation>
    </message>
    <message>
      <source>--from {first} is after --to {last}</source>
      <translation>--from {first} liegt nach --to {last}</translation>
    </message>
    <message>
      <source>--from {first} is after today</source>
      <translation>--from {first} liegt nach heute</translation>
    </message>
    <message>
      <source>menu entry and icons for pip and checkout: install, remove, or status (exit code 1: none)</source>
      <translation>Menüeintrag und Symbole für pip und Checkout: install, remove oder status (Exit-Code 1: keine)</translation>
    </message>
    <message>
      <source>Menu entry and icons are removed.</source>
      <translation>Menüeintrag und Symbole sind entfernt.</translation>
    </message>
    <message>
      <source>Nothing to remove.</source>
      <translation>Nichts zu entfernen.</translation>
    </message>
    <message>
      <source>Left as it is, because another program or you made it: {file}</source>
      <translation>Unverändert gelassen, weil von Ihnen oder einem anderen Programm angelegt: {file}</translation>
    </message>
    <message>
      <source>not installed: no menu entry. Run: netwatch-tray desktop install</source>
      <translation>nicht installiert: kein Menüeintrag. Rufen Sie auf: netwatch-tray desktop install</translation>
    </message>
    <message>
      <source>installed by a package in {place}; nothing needs to be done</source>
      <translation>durch ein Paket in {place} installiert; nichts zu tun</translation>
    </message>
    <message>
      <source>installed in {place}, starts {command}</source>
      <translation>installiert in {place}, startet {command}</translation>
    </message>
    <message>
      <source>uplink</source>
      <translation>Uplink</translation>
    </message>
    <message>
      <source>underlay</source>
      <translation>Unterbau</translation>
    </message>
    <message>
      <source>bridge</source>
      <translation>Bridge</translation>
    </message>
    <message>
      <source>bond</source>
      <translation>Bond</translation>
    </message>
    <message>
      <source>bridge port</source>
      <translation>Bridge-Port</translation>
    </message>
    <message>
      <source>bond member</source>
      <translation>Bond-Mitglied</translation>
    </message>
    <message>
      <source>VLAN</source>
      <translation>VLAN</translation>
    </message>
    <message>
      <source>VLAN parent</source>
      <translation>VLAN-Basis</translation>
    </message>
    <message>
      <source>container end</source>
      <translation>Container-Ende</translation>
    </message>
    <message>
      <source>tunnel</source>
      <translation>Tunnel</translation>
    </message>
    <message>
      <source>loopback</source>
      <translation>Loopback</translation>
    </message>
    <message>
      <source>other</source>
      <translation>andere</translation>
    </message>
    <message>
      <source>what was found on this system, which way was chosen, and why</source>
      <translation>was auf diesem System gefunden und gewählt wurde, und warum</translation>
    </message>
    <message>
      <source>one JSON object</source>
      <translation>ein JSON-Objekt</translation>
    </message>
    <message>
      <source>in the program that shows text files, as the tray's menu does</source>
      <translation>im Programm für Textdateien, wie das Menü des Symbols</translation>
    </message>
    <message>
      <source>move known amounts over the loopback and compare what is counted</source>
      <translation>bekannte Mengen über das Loopback übertragen und mit den Zählern vergleichen</translation>
    </message>
    <message>
      <source>check that this installation has all its parts instead</source>
      <translation>stattdessen prüfen, ob diese Installation vollständig ist</translation>
    </message>
    <message>
      <source>none: {reason}</source>
      <translation>keine: {reason}</translation>
    </message>
    <message>
      <source>running, process {pid}; tray: {tray}</source>
      <translation>läuft, Prozess {pid}; Infobereich: {tray}</translation>
    </message>
    <message>
      <source>none: there is no database of countries</source>
      <translation>keine: es gibt keine Länderdatenbank</translation>
    </message>
    <message>
      <source>not running</source>
      <translation>läuft nicht</translation>
    </message>
    <message>
      <source>{file}: fine</source>
      <translation>{file}: in Ordnung</translation>
    </message>
    <message>
      <source>program</source>
      <translation>Programm</translation>
    </message>
    <message>
      <source>agent</source>
      <translation>Agent</translation>
    </message>
    <message>
      <source>settings</source>
      <translation>Einstellungen</translation>
    </message>
    <message>
      <source>feed</source>
      <translation>Socket</translation>
    </message>
    <message>
      <source>counters</source>
      <translation>Zähler</translation>
    </message>
    <message>
      <source>connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>countries</source>
      <translation>Länder</translation>
    </message>
    <message>
      <source>menu entry and icons</source>
      <translation>Menüeintrag und Symbole</translation>
    </message>
    <message>
      <source>note</source>
      <translation>Hinweis</translation>
    </message>
    <message>
      <source>helper</source>
      <translation>Helfer</translation>
    </message>
    <message>
      <source>all fine</source>
      <translation>alles in Ordnung</translation>
    </message>
    <message>
      <source>1 problem</source>
      <translation>1 Problem</translation>
    </message>
    <message>
      <source>{count} problems</source>
      <translation>{count} Probleme</translation>
    </message>
    <message>
      <source>moved</source>
      <translation>übertragen</translation>
    </message>
    <message>
      <source>expected</source>
      <translation>erwartet</translation>
    </message>
    <message>
      <source>{count} WRONG (marked !)</source>
      <translation>{count} FALSCH (mit ! markiert)</translation>
    </message>
    <message>
      <source>Every source counted what was moved, to the byte.</source>
      <translation>Jede Quelle zählte aufs Byte genau, was übertragen wurde.</translation>
    </message>
    <message>
      <source>The system refused</source>
      <translation>Vom System abgelehnt</translation>
    </message>
    <message>
      <source>A name or a path is not valid text: {error}.</source>
      <translation>Ein Name oder Pfad ist kein gültiger Text: {error}.</translation>
    </message>
    <message>
      <source>This is a bug of NetWatch. Please report it with the lines above.</source>
      <translation>Das ist ein Fehler in NetWatch. Bitte melden Sie ihn mit den Zeilen darüber.</translation>
    </message>
    <message>
      <source>The output cannot be written: {reason}.</source>
      <translation>Die Ausgabe lässt sich nicht schreiben: {reason}.</translation>
    </message>
    <message>
      <source>alert</source>
      <translation>Alarm</translation>
    </message>
    <message>
      <source>notice</source>
      <translation>Hinweis</translation>
    </message>
    <message>
      <source>record</source>
      <translation>Eintrag</translation>
    </message>
    <message>
      <source>what was found unusual, and what else happened on the network</source>
      <translation>was ungewöhnlich war, und was sonst im Netz geschah</translation>
    </message>
    <message>
      <source>a day (today, yesterday, -7d, 2026-01-31) or a time such as 2026-01-31T14:00; default: -7d</source>
      <translation>ein Tag (today, yesterday, -7d, 2026-01-31) oder eine Zeit wie 2026-01-31T14:00; Standard: -7d</translation>
    </message>
    <message>
      <source>also those that happen from now on, until Ctrl-C</source>
      <translation>auch alle weiteren, bis Strg-C</translation>
    </message>
    <message>
      <source>one JSON object a line</source>
      <translation>ein JSON-Objekt je Zeile</translation>
    </message>
    <message>
      <source>must be a day such as 2026-01-31, yesterday or -7d, or a time such as 2026-01-31T14:00, not {text!r}</source>
      <translation>muss ein Tag wie 2026-01-31, yesterday (gestern) oder -7d oder eine Zeit wie 2026-01-31T14:00 sein, nicht {text!r}</translation>
    </message>
    <message>
      <source>No events since {since}.</source>
      <translation>Keine Ereignisse seit {since}.</translation>
    </message>
    <message>
      <source>muted</source>
      <translation>stumm</translation>
    </message>
    <message>
      <source>{text}; {count} times</source>
      <translation>{text}; {count}-mal</translation>
    </message>
    <message>
      <source>the history as CSV or JSON</source>
      <translation>der Verlauf als CSV oder JSON</translation>
    </message>
    <message>
      <source>per interface; default: the total</source>
      <translation>je Schnittstelle; Vorgabe: die Summe</translation>
    </message>
    <message>
      <source>per app (TCP payload)</source>
      <translation>je App (TCP-Nutzdaten)</translation>
    </message>
    <message>
      <source>per network; only with --step day</source>
      <translation>nach Netzwerk; nur mit --step day</translation>
    </message>
    <message>
      <source>of one interface, app or network alone</source>
      <translation>nur von einer Schnittstelle, einer App oder einem Netzwerk</translation>
    </message>
    <message>
      <source>first day, such as 2026-01-31, today, yesterday or -7d (7 days ago); default: 30 days up to --to</source>
      <translation>erster Tag, etwa 2026-01-31, today (heute), yesterday (gestern) oder -7d (vor 7 Tagen); Vorgabe: 30 Tage bis --to</translation>
    </message>
    <message>
      <source>default: hour</source>
      <translation>Vorgabe: hour</translation>
    </message>
    <message>
      <source>one JSON object a line; default: CSV</source>
      <translation>ein JSON-Objekt je Zeile; Vorgabe: CSV</translation>
    </message>
    <message>
      <source>the past from vnStat: vnstat --json | netwatch-tray import -</source>
      <translation>die Vergangenheit aus vnStat: vnstat --json | netwatch-tray import -</translation>
    </message>
    <message>
      <source>what `vnstat --json` printed; -: standard input</source>
      <translation>Ausgabe von `vnstat --json`; -: Standardeingabe</translation>
    </message>
    <message>
      <source>belongs to the total; default: those that make it now or ever did</source>
      <translation>gehört zur Summe; Vorgabe: alle, die jetzt oder je dazu gehörten</translation>
    </message>
    <message>
      <source>--networks needs --step day: networks are kept per day</source>
      <translation>--networks braucht --step day: Netzwerke werden nach Tagen gespeichert</translation>
    </message>
    <message>
      <source>{name}: days: {days}, months and years: {longer}; counted in the total.</source>
      <translation>{name}: Tage: {days}, Monate und Jahre: {longer}; zählt zur Summe.</translation>
    </message>
    <message>
      <source>{name}: days: {days}, months and years: {longer}; not in the total (--total {name} counts it).</source>
      <translation>{name}: Tage: {days}, Monate und Jahre: {longer}; nicht in der Summe (--total {name} zählt es mit).</translation>
    </message>
    <message>
      <source>Rows of a day, month or year that was there already: {count}. They were added up.</source>
      <translation>Zeilen zu einem schon vorhandenen Tag, Monat oder Jahr: {count}. Sie wurden addiert.</translation>
    </message>
    <message>
      <source>Rows that cannot be right were left out: {count}</source>
      <translation>Zeilen ausgelassen, die nicht stimmen können: {count}</translation>
    </message>
    <message>
      <source>and {count} more</source>
      <translation>und {count} weitere</translation>
    </message>
    <message>
      <source>Only what is older than this program's own first day counts, so nothing counts twice.</source>
      <translation>Nur was älter ist als der erste eigene Tag dieses Programms, zählt; so zählt nichts doppelt.</translation>
    </message>
    <message>
      <source>bytes of UDP and names of hosts by a system service: install, remove, status, or run it here</source>
      <translation>Bytes von UDP und Namen von Rechnern durch einen Systemdienst: install, remove, status oder run</translation>
    </message>
    <message>
      <source>whom it serves besides root, by name or number; may be repeated (default: who ran sudo)</source>
      <translation>wen er außer Root bedient, als Name oder Nummer; mehrfach möglich (Vorgabe: wer sudo aufrief)</translation>
    </message>
    <message>
      <source>there is no user {text!r}</source>
      <translation>es gibt keinen Benutzer {text!r}</translation>
    </message>
    <message>
      <source>The helper is set up for {names}. It runs while an agent uses it.</source>
      <translation>Der Helfer ist für {names} eingerichtet. Er läuft, solange ein Agent ihn nutzt.</translation>
    </message>
    <message>
      <source>The helper is removed.</source>
      <translation>Der Helfer ist entfernt.</translation>
    </message>
    <message>
      <source>Serving {names} until Ctrl-C.</source>
      <translation>Bedient {names} bis Strg-C.</translation>
    </message>
    <message>
      <source>Running since {time}, process {pid}</source>
      <translation>Läuft seit {time}, Prozess {pid}</translation>
    </message>
    <message>
      <source>Running since {time}, process {pid}; counts this container only</source>
      <translation>Läuft seit {time}, Prozess {pid}; zählt nur diesen Container</translation>
    </message>
    <message>
      <source>serves</source>
      <translation>bedient</translation>
    </message>
    <message>
      <source>version</source>
      <translation>Version</translation>
    </message>
    <message>
      <source>Of another version of NetWatch Tray than this one. Set it up again.</source>
      <translation>Von einer anderen Version von NetWatch Tray. Richten Sie ihn neu ein.</translation>
    </message>
    <message>
      <source>to set it up</source>
      <translation>zum Einrichten</translation>
    </message>
    <message>
      <source>delete days, back up, restore or merge the history</source>
      <translation>Tage löschen, den Verlauf sichern, zurückholen oder zusammenführen</translation>
    </message>
    <message>
      <source>delete what was recorded of some days, or everything</source>
      <translation>löschen, was an einigen Tagen aufgezeichnet wurde, oder alles</translation>
    </message>
    <message>
      <source>first day, such as 2026-01-31, today, yesterday or -7d (7 days ago); default: the first one recorded</source>
      <translation>erster Tag, etwa 2026-01-31, today (heute), yesterday (gestern) oder -7d (vor 7 Tagen); Vorgabe: der erste aufgezeichnete</translation>
    </message>
    <message>
      <source>everything, whatever the days</source>
      <translation>alles, gleich welche Tage</translation>
    </message>
    <message>
      <source>only the names of networks; amounts stay</source>
      <translation>nur die Namen von Netzwerken; Mengen bleiben</translation>
    </message>
    <message>
      <source>write a copy to a file, also while the agent records</source>
      <translation>eine Kopie in eine Datei schreiben, auch während der Agent aufzeichnet</translation>
    </message>
    <message>
      <source>replace the history by a backup</source>
      <translation>den Verlauf durch eine Sicherung ersetzen</translation>
    </message>
    <message>
      <source>add the history of another machine</source>
      <translation>den Verlauf eines anderen Rechners dazunehmen</translation>
    </message>
    <message>
      <source>its history, or a backup of it</source>
      <translation>sein Verlauf, oder eine Sicherung davon</translation>
    </message>
    <message>
      <source>do not ask</source>
      <translation>nicht fragen</translation>
    </message>
    <message>
      <source>either days (--from, --to) or --all is required</source>
      <translation>entweder Tage (--from, --to) oder --all sind nötig</translation>
    </message>
    <message>
      <source>Delete everything that was recorded from {first} to {last}?</source>
      <translation>Alles löschen, was vom {first} bis zum {last} aufgezeichnet wurde?</translation>
    </message>
    <message>
      <source>Delete the whole history?</source>
      <translation>Den ganzen Verlauf löschen?</translation>
    </message>
    <message>
      <source>Days deleted: {count}</source>
      <translation>Gelöschte Tage: {count}</translation>
    </message>
    <message>
      <source>--network-names goes with neither days nor --all</source>
      <translation>--network-names passt weder zu Tagen noch zu --all</translation>
    </message>
    <message>
      <source>Delete the names of all networks?</source>
      <translation>Die Namen aller Netzwerke löschen?</translation>
    </message>
    <message>
      <source>Names deleted: {count}</source>
      <translation>Gelöschte Namen: {count}</translation>
    </message>
    <message>
      <source>{size} saved in {file}</source>
      <translation>{size} gespeichert in {file}</translation>
    </message>
    <message>
      <source>Replace the whole history by {file}?</source>
      <translation>Den ganzen Verlauf durch {file} ersetzen?</translation>
    </message>
    <message>
      <source>Nothing was changed: add --yes to confirm.</source>
      <translation>Nichts wurde geändert: --yes bestätigt.</translation>
    </message>
    <message>
      <source>[y/N]</source>
      <translation>[j/N]</translation>
    </message>
    <message>
      <source>PART</source>
      <translation>TEIL</translation>
    </message>
    <message>
      <source>FOUND</source>
      <translation>GEFUNDEN</translation>
    </message>
    <message>
      <source>ok</source>
      <translation>ok</translation>
    </message>
    <message>
      <source>WRONG</source>
      <translation>FALSCH</translation>
    </message>
    <message>
      <source>interfaces</source>
      <translation>Schnittstellen</translation>
    </message>
    <message>
      <source>tray</source>
      <translation>Infobereich</translation>
    </message>
    <message>
      <source>history</source>
      <translation>Verlauf</translation>
    </message>
    <message>
      <source>certificates</source>
      <translation>Zertifikate</translation>
    </message>
    <message>
      <source>symbols and fonts</source>
      <translation>Symbole und Schriften</translation>
    </message>
    <message>
      <source>agent and window</source>
      <translation>Agent und Fenster</translation>
    </message>
    <message>
      <source>{module}, icon in {count} sizes</source>
      <translation>{module}, Symbol in {count} Größen</translation>
    </message>
    <message>
      <source>{count} authorities, {version}</source>
      <translation>{count} Zertifizierungsstellen, {version}</translation>
    </message>
    <message>
      <source>{symbols} symbols, {families} font families</source>
      <translation>{symbols} Symbole, {families} Schriftfamilien</translation>
    </message>
    <message>
      <source>version {version}</source>
      <translation>Version {version}</translation>
    </message>
    <message>
      <source>show live rates, with or without a running agent: on a terminal a screen, else a line a second</source>
      <translation>aktuelle Raten zeigen, mit oder ohne laufenden Agenten: im Terminal bildschirmfüllend, sonst eine Zeile je Sekunde</translation>
    </message>
    <message>
      <source>print one line of real rates and end</source>
      <translation>eine Zeile mit gemessenen Raten ausgeben und enden</translation>
    </message>
    <message>
      <source>end after N lines</source>
      <translation>nach N Zeilen enden</translation>
    </message>
    <message>
      <source>print lines, S seconds apart (default: 1)</source>
      <translation>gibt Zeilen im Abstand von S Sekunden aus (sonst: 1)</translation>
    </message>
    <message>
      <source>one line for a bar that shows what a program prints, always of the same width</source>
      <translation>eine Zeile gleicher Breite für Leisten, die eine Programmausgabe zeigen</translation>
    </message>
    <message>
      <source>what the running agent is doing, and what it costs</source>
      <translation>was der laufende Agent tut und was er kostet</translation>
    </message>
    <message>
      <source>must be a number of seconds from 0.1 to 3600, not {text!r}</source>
      <translation>muss eine Zahl von Sekunden von 0.1 bis 3600 sein, nicht {text!r}</translation>
    </message>
    <message>
      <source>The agent ended. Measuring without it until it runs again.</source>
      <translation>Der Agent wurde beendet. Gemessen wird ohne ihn, bis er wieder läuft.</translation>
    </message>
    <message>
      <source>The agent has sent nothing for {seconds:.0f} s. Still waiting.</source>
      <translation>Der Agent hat seit {seconds:.0f} s nichts gesendet. Es wird weiter gewartet.</translation>
    </message>
    <message>
      <source>for</source>
      <translation>seit</translation>
    </message>
    <message>
      <source>costs</source>
      <translation>Kosten</translation>
    </message>
    <message>
      <source>clients</source>
      <translation>Clients</translation>
    </message>
    <message>
      <source>running, process {pid}, version {version}</source>
      <translation>läuft, Prozess {pid}, Version {version}</translation>
    </message>
    <message>
      <source>{share:.2%} of one processor, {memory} of memory (PSS)</source>
      <translation>{share:.2%} eines Prozessors, {memory} Arbeitsspeicher (PSS)</translation>
    </message>
    <message>
      <source>upload</source>
      <translation>Hochladen</translation>
    </message>
    <message>
      <source>metrics</source>
      <translation>Metriken</translation>
    </message>
    <message>
      <source>fault</source>
      <translation>Fehler</translation>
    </message>
    <message>
      <source>check names and sources of this Mac; prints one report to paste</source>
      <translation>Namen und Quellen dieses Macs prüfen; gibt einen Bericht zum Einfügen aus</translation>
    </message>
    <message>
      <source>bytes, packets, errors and rates of the network interfaces; name and system of this host</source>
      <translation>Bytes, Pakete, Fehler und Raten der Netzwerkschnittstellen; Name und System dieses Rechners</translation>
    </message>
    <message>
      <source>connection counts, processor, memory, disks, and round trips to gateway and DNS server</source>
      <translation>Zahl der Verbindungen, Prozessor, Arbeitsspeicher, Datenträger und Laufzeiten zu Gateway und DNS-Server</translation>
    </message>
    <message>
      <source>the processes that use the network, with user and memory</source>
      <translation>die Prozesse, die das Netz nutzen, mit Benutzer und Speicher</translation>
    </message>
    <message>
      <source>events as log records, with the app and its numbers; no names of hosts</source>
      <translation>Ereignisse als Log-Einträge, mit der App und ihren Zahlen; keine Rechnernamen</translation>
    </message>
    <message>
      <source>send metrics and events to an OpenTelemetry collector: off until you turn it on</source>
      <translation>Metriken und Ereignisse an einen OpenTelemetry-Collector senden: aus, bis Sie es einschalten</translation>
    </message>
    <message>
      <source>begin to send</source>
      <translation>mit dem Senden beginnen</translation>
    </message>
    <message>
      <source>URL of the collector, without /v1/metrics</source>
      <translation>URL des Collectors, ohne /v1/metrics</translation>
    </message>
    <message>
      <source>how much is sent</source>
      <translation>wie viel gesendet wird</translation>
    </message>
    <message>
      <source>seconds between exports (at least 10)</source>
      <translation>Sekunden zwischen zwei Exporten (mindestens 10)</translation>
    </message>
    <message>
      <source>file with lines such as authorization=Bearer%%20TOKEN</source>
      <translation>Datei mit Zeilen wie authorization=Bearer%%20TOKEN</translation>
    </message>
    <message>
      <source>send nothing any more</source>
      <translation>nichts mehr senden</translation>
    </message>
    <message>
      <source>what was sent, what waits, and what is wrong</source>
      <translation>was gesendet wurde, was wartet und was nicht stimmt</translation>
    </message>
    <message>
      <source>print the metrics that are sent, or would be, without sending them</source>
      <translation>die Metriken zeigen, die gesendet werden oder würden, ohne sie zu senden</translation>
    </message>
    <message>
      <source>send a request without metrics and print the collector's response</source>
      <translation>eine Anfrage ohne Metriken senden und die Antwort des Collectors zeigen</translation>
    </message>
    <message>
      <source>Metrics at the level {level} go to {server} each {seconds} s.</source>
      <translation>Metriken der Stufe {level} gehen alle {seconds} s an {server}.</translation>
    </message>
    <message>
      <source>Metrics at the level {level} go to {server} each {seconds} s once the program runs.</source>
      <translation>Metriken der Stufe {level} gehen alle {seconds} s an {server}, sobald das Programm läuft.</translation>
    </message>
    <message>
      <source>Nothing is sent to an OpenTelemetry collector any more.</source>
      <translation>An einen OpenTelemetry-Collector wird nichts mehr gesendet.</translation>
    </message>
    <message>
      <source>each {seconds} s, at the level {level}:</source>
      <translation>alle {seconds} s, auf der Stufe {level}:</translation>
    </message>
    <message>
      <source>server</source>
      <translation>Server</translation>
    </message>
    <message>
      <source>sent</source>
      <translation>gesendet</translation>
    </message>
    <message>
      <source>state</source>
      <translation>Zustand</translation>
    </message>
    <message>
      <source>on</source>
      <translation>ein</translation>
    </message>
    <message>
      <source>off: nothing is sent</source>
      <translation>aus: es wird nichts gesendet</translation>
    </message>
    <message>
      <source>{server} accepts OTLP ({protection}).</source>
      <translation>{server} nimmt OTLP an ({protection}).</translation>
    </message>
    <message>
      <source>{server} did not take it: {reason}</source>
      <translation>{server} nahm sie nicht an: {reason}</translation>
    </message>
    <message>
      <source>example:</source>
      <translation>Beispiel:</translation>
    </message>
    <message>
      <source>{value!r} is none of the choices.</source>
      <translation>{value!r} steht nicht zur Wahl.</translation>
    </message>
    <message>
      <source>Did you mean {meant}?</source>
      <translation>Meinten Sie {meant}?</translation>
    </message>
    <message>
      <source>Live network rates in the tray. Without a subcommand: start it; a second start opens the window.</source>
      <translation>Netzwerkraten im Infobereich. Ohne Unterbefehl: starten; ein zweiter Start öffnet das Fenster.</translation>
    </message>
    <message>
      <source>subcommands</source>
      <translation>Unterbefehle</translation>
    </message>
    <message>
      <source>SUBCOMMAND</source>
      <translation>BEFEHL</translation>
    </message>
    <message>
      <source>open the window (and start the program first, if it is not running)</source>
      <translation>das Fenster öffnen (und das Programm vorher starten, falls es nicht läuft)</translation>
    </message>
    <message>
      <source>at its settings</source>
      <translation>bei seinen Einstellungen</translation>
    </message>
    <message>
      <source>at its events</source>
      <translation>bei seinen Ereignissen</translation>
    </message>
    <message>
      <source>the mini window, which stays on top</source>
      <translation>das Minifenster, das vorn bleibt</translation>
    </message>
    <message>
      <source>run the resident part in the foreground</source>
      <translation>den ständigen Teil im Vordergrund ausführen</translation>
    </message>
    <message>
      <source>without a tray icon</source>
      <translation>ohne Symbol im Infobereich</translation>
    </message>
    <message>
      <source>end the running program</source>
      <translation>das laufende Programm beenden</translation>
    </message>
    <message>
      <source>No display here, so no tray and no window; live rates until Ctrl-C:</source>
      <translation>Keine Anzeige hier, also weder Symbol noch Fenster; aktuelle Raten bis Strg-C:</translation>
    </message>
    <message>
      <source>record what is measured to a file that can be replayed, for bug reports</source>
      <translation>Messungen für Fehlerberichte in eine abspielbare Datei aufzeichnen</translation>
    </message>
    <message>
      <source>a new file; compressed if its name ends in .gz</source>
      <translation>eine neue Datei; komprimiert, wenn ihr Name auf .gz endet</translation>
    </message>
    <message>
      <source>90s, 10m or 2h (default: 10m)</source>
      <translation>90s, 10m oder 2h (Vorgabe: 10m)</translation>
    </message>
    <message>
      <source>keep addresses instead of replacing them</source>
      <translation>Adressen behalten statt ersetzen</translation>
    </message>
    <message>
      <source>keep names of apps, users, units and interfaces</source>
      <translation>Namen von Apps, Benutzern, Diensten und Schnittstellen behalten</translation>
    </message>
    <message>
      <source>of a recording instead of this machine</source>
      <translation>aus einer Aufzeichnung statt von diesem Rechner</translation>
    </message>
    <message>
      <source>recorded seconds per second (default: 1)</source>
      <translation>aufgezeichnete Sekunden je Sekunde (Vorgabe: 1)</translation>
    </message>
    <message>
      <source>must be a time such as 90s, 10m or 2h, not {text!r}</source>
      <translation>muss eine Dauer wie 90s, 10m oder 2h sein, nicht {text!r}</translation>
    </message>
    <message>
      <source>must be a number from 0.1 to 1000, not {text!r}</source>
      <translation>muss eine Zahl von 0.1 bis 1000 sein, nicht {text!r}</translation>
    </message>
    <message>
      <source>addresses and names are replaced</source>
      <translation>Adressen und Namen werden ersetzt</translation>
    </message>
    <message>
      <source>names are replaced</source>
      <translation>Namen werden ersetzt</translation>
    </message>
    <message>
      <source>addresses are replaced</source>
      <translation>Adressen werden ersetzt</translation>
    </message>
    <message>
      <source>it contains all addresses and names</source>
      <translation>sie enthält alle Adressen und Namen</translation>
    </message>
    <message>
      <source>Recording to {file} for {seconds:.0f} s; {about}. Ctrl-C ends it earlier.</source>
      <translation>Aufzeichnung in {file} für {seconds:.0f} s; {about}. Strg-C beendet sie früher.</translation>
    </message>
    <message>
      <source>The recording has reached its greatest size, {size} MiB.</source>
      <translation>Die Aufzeichnung hat ihre Höchstgröße von {size} MiB erreicht.</translation>
    </message>
    <message>
      <source>Replay it with: netwatch-tray window --replay {file}</source>
      <translation>Abspielen mit: netwatch-tray window --replay {file}</translation>
    </message>
    <message>
      <source>must be a whole number from {least} to {most}, not {text!r}</source>
      <translation>muss eine ganze Zahl von {least} bis {most} sein, nicht {text!r}</translation>
    </message>
    <message>
      <source>Using defaults until the file is fixed.</source>
      <translation>Bis die Datei berichtigt ist, gelten die Standardwerte.</translation>
    </message>
    <message>
      <source>counters and rates of the network interfaces; name, system and processor of this host</source>
      <translation>Zähler und Raten der Netzwerkschnittstellen; Name, System und Prozessor dieses Rechners</translation>
    </message>
    <message>
      <source>the processes that use the network, with user, memory and path of the program</source>
      <translation>die Prozesse, die das Netzwerk nutzen, mit Benutzer, Arbeitsspeicher und Pfad des Programms</translation>
    </message>
    <message>
      <source>the connections with both addresses</source>
      <translation>die Verbindungen mit beiden Adressen</translation>
    </message>
    <message>
      <source>alerts with the app and its numbers, and counts of DNS; no names of hosts</source>
      <translation>Alarme mit der App und ihren Zahlen, und Zählungen von DNS; keine Namen von Hosts</translation>
    </message>
    <message>
      <source>print what uploading sends, or would send, without sending it</source>
      <translation>ausgeben, was hochgeladen wird oder würde, ohne es zu senden</translation>
    </message>
    <message>
      <source>indented, for people</source>
      <translation>eingerückt, zum Lesen</translation>
    </message>
    <message>
      <source>as if this had been chosen (default: what was)</source>
      <translation>als wäre dies gewählt (Vorgabe: das Gewählte)</translation>
    </message>
    <message>
      <source>send snapshots to a NetWatch server: off until you turn it on</source>
      <translation>Messungen an einen NetWatch-Server senden: aus, bis Sie es einschalten</translation>
    </message>
    <message>
      <source>enter server and API key; the key is read from the terminal, stdin or a file</source>
      <translation>Server und API-Schlüssel eingeben; der Schlüssel kommt vom Terminal, von der Standardeingabe oder aus einer Datei</translation>
    </message>
    <message>
      <source>URL of the server, with or without /api/v1/ingest</source>
      <translation>URL des Servers, mit oder ohne /api/v1/ingest</translation>
    </message>
    <message>
      <source>read the key from a file (-: stdin) and ask nothing, for scripts</source>
      <translation>den Schlüssel aus einer Datei lesen (-: Standardeingabe) und nichts fragen, für Skripte</translation>
    </message>
    <message>
      <source>seconds between snapshots (at least 10)</source>
      <translation>Sekunden zwischen Messungen (mindestens 10)</translation>
    </message>
    <message>
      <source>replace addresses by their kind</source>
      <translation>Adressen durch ihre Art ersetzen</translation>
    </message>
    <message>
      <source>replace names by random words</source>
      <translation>Namen durch zufällige Wörter ersetzen</translation>
    </message>
    <message>
      <source>the new key is of the same account: this host keeps its history</source>
      <translation>der neue Schlüssel gehört zum selben Konto: Dieser Rechner behält seinen Verlauf</translation>
    </message>
    <message>
      <source>send one snapshot now and print the server's response</source>
      <translation>jetzt eine Messung senden und die Antwort des Servers zeigen</translation>
    </message>
    <message>
      <source>serve numbers to Prometheus on this machine without the agent, until Ctrl-C</source>
      <translation>Zahlen ohne den Agenten für Prometheus auf diesem Rechner bereitstellen, bis Strg-C</translation>
    </message>
    <message>
      <source>on 127.0.0.1 (default: %(default)s)</source>
      <translation>auf 127.0.0.1 (Vorgabe: %(default)s)</translation>
    </message>
    <message>
      <source>also export to an OpenTelemetry collector (optional extra)</source>
      <translation>zusätzlich an einen OpenTelemetry-Collector senden (optionaler Zusatz)</translation>
    </message>
    <message>
      <source>Server [{address}]: </source>
      <translation>Server [{address}]: </translation>
    </message>
    <message>
      <source>key</source>
      <translation>Schlüssel</translation>
    </message>
    <message>
      <source>exactly</source>
      <translation>genau</translation>
    </message>
    <message>
      <source>kept in {place}</source>
      <translation>aufbewahrt in {place}</translation>
    </message>
    <message>
      <source>begin</source>
      <translation>beginnen</translation>
    </message>
    <message>
      <source>API key (not shown): </source>
      <translation>API-Schlüssel (unsichtbar): </translation>
    </message>
    <message>
      <source>Is this key of the same account as the one before? Then this host keeps its history.</source>
      <translation>Gehört dieser Schlüssel zum selben Konto wie der vorige? Dann behält dieser Rechner seinen Verlauf.</translation>
    </message>
    <message>
      <source>y</source>
      <translation>j</translation>
    </message>
    <message>
      <source>yes</source>
      <translation>ja</translation>
    </message>
    <message>
      <source>Snapshots at the level {level} go to {server} each {seconds} s.</source>
      <translation>Messungen der Stufe {level} gehen alle {seconds} s an {server}.</translation>
    </message>
    <message>
      <source>Snapshots at the level {level} go to {server} each {seconds} s once the program runs.</source>
      <translation>Messungen der Stufe {level} gehen alle {seconds} s an {server}, sobald das Programm läuft.</translation>
    </message>
    <message>
      <source>Nothing is sent any more.</source>
      <translation>Es wird nichts mehr gesendet.</translation>
    </message>
    <message>
      <source>spool</source>
      <translation>Warteschlange</translation>
    </message>
    <message>
      <source>set by your administrator</source>
      <translation>vom Administrator festgelegt</translation>
    </message>
    <message>
      <source>addresses and names are hidden in all of it</source>
      <translation>Adressen und Namen sind in allem verborgen</translation>
    </message>
    <message>
      <source>addresses are hidden in all of it</source>
      <translation>Adressen sind in allem verborgen</translation>
    </message>
    <message>
      <source>names are hidden in all of it</source>
      <translation>Namen sind in allem verborgen</translation>
    </message>
    <message>
      <source>empty</source>
      <translation>leer</translation>
    </message>
    <message>
      <source>{waiting} waiting, {delivered} delivered, {refused} refused, {dropped} dropped</source>
      <translation>{waiting} wartend, {delivered} zugestellt, {refused} abgelehnt, {dropped} verworfen</translation>
    </message>
    <message>
      <source>The server takes a snapshot every ten seconds; trying again in a moment.</source>
      <translation>Der Server nimmt alle zehn Sekunden eine Messung an; gleich folgt ein neuer Versuch.</translation>
    </message>
    <message>
      <source>{server} took one snapshot of {size} bytes ({protection}).</source>
      <translation>{server} nahm eine Messung von {size} Bytes an ({protection}).</translation>
    </message>
    <message>
      <source>Serving {url}</source>
      <translation>Erreichbar unter {url}</translation>
    </message>
    <message>
      <source>While NetWatch was not measuring</source>
      <translation>Während NetWatch nicht gemessen hat</translation>
    </message>
    <message>
      <source>Not of any app</source>
      <translation>Zu keiner App</translation>
    </message>
    <message>
      <source>Imported, apps not known</source>
      <translation>Importiert, Apps nicht bekannt</translation>
    </message>
    <message>
      <source>how much was used: per day or month, interface, app or network</source>
      <translation>wie viel verbraucht wurde: je Tag oder Monat, Schnittstelle, App oder Netzwerk</translation>
    </message>
    <message>
      <source>default: day</source>
      <translation>Vorgabe: day</translation>
    </message>
    <message>
      <source>per interface instead</source>
      <translation>stattdessen je Schnittstelle</translation>
    </message>
    <message>
      <source>per app instead (TCP payload)</source>
      <translation>stattdessen je App (TCP-Nutzdaten)</translation>
    </message>
    <message>
      <source>per network instead</source>
      <translation>stattdessen je Netzwerk</translation>
    </message>
    <message>
      <source>in one network alone, by its name in --networks</source>
      <translation>nur in einem Netzwerk, nach seinem Namen in --networks</translation>
    </message>
    <message>
      <source>first day, such as 2026-01-31, today, yesterday or -7d (7 days ago); default: 30 days up to --to, with --by week, month, billing or year all days</source>
      <translation>erster Tag, etwa 2026-01-31, today (heute), yesterday (gestern) oder -7d (vor 7 Tagen); Vorgabe: 30 Tage bis --to, mit --by week, month, billing oder year alle Tage</translation>
    </message>
    <message>
      <source>without what is known to have stayed in the local network</source>
      <translation>ohne den Verkehr, der nachweislich im lokalen Netz blieb</translation>
    </message>
    <message>
      <source>one JSON document, bytes</source>
      <translation>ein JSON-Dokument, in Bytes</translation>
    </message>
    <message>
      <source>--internet is about the total alone</source>
      <translation>--internet gilt nur für die Summe</translation>
    </message>
    <message>
      <source>--network does not go with --networks</source>
      <translation>--network passt nicht zu --networks</translation>
    </message>
    <message>
      <source>No name is known yet: names of networks come from NetworkManager.</source>
      <translation>Noch ist kein Name bekannt: Namen von Netzwerken kommen von NetworkManager.</translation>
    </message>
    <message>
      <source>Nothing was recorded up to {last}.</source>
      <translation>Bis {last} wurde nichts aufgezeichnet.</translation>
    </message>
    <message>
      <source>Nothing was recorded between {first} and {last}.</source>
      <translation>Zwischen {first} und {last} wurde nichts aufgezeichnet.</translation>
    </message>
    <message>
      <source>{usage} in {network}</source>
      <translation>{usage} im Netz {network}</translation>
    </message>
    <message>
      <source>{usage}, all up to {last}</source>
      <translation>{usage}, alles bis {last}</translation>
    </message>
    <message>
      <source>{usage}, {first} to {last}</source>
      <translation>{usage}, {first} bis {last}</translation>
    </message>
    <message>
      <source>Usage per day</source>
      <translation>Verbrauch je Tag</translation>
    </message>
    <message>
      <source>Usage per week, by its first day</source>
      <translation>Verbrauch je Woche, nach ihrem ersten Tag</translation>
    </message>
    <message>
      <source>Usage per month, by its first day</source>
      <translation>Verbrauch je Monat, nach seinem ersten Tag</translation>
    </message>
    <message>
      <source>Usage per billing month, by its first day</source>
      <translation>Verbrauch je Abrechnungsmonat, nach seinem ersten Tag</translation>
    </message>
    <message>
      <source>Usage per year, by its first day</source>
      <translation>Verbrauch je Jahr, nach seinem ersten Tag</translation>
    </message>
    <message>
      <source>Usage per interface</source>
      <translation>Verbrauch je Schnittstelle</translation>
    </message>
    <message>
      <source>Usage per app</source>
      <translation>Verbrauch je App</translation>
    </message>
    <message>
      <source>Usage per network</source>
      <translation>Verbrauch je Netzwerk</translation>
    </message>
    <message>
      <source>total</source>
      <translation>Summe</translation>
    </message>
    <message>
      <source>BOTH</source>
      <translation>BEIDE</translation>
    </message>
    <message>
      <source>IN GAPS</source>
      <translation>IN LÜCKEN</translation>
    </message>
    <message>
      <source>IMPORTED</source>
      <translation>IMPORTIERT</translation>
    </message>
    <message>
      <source>received</source>
      <translation>empfangen</translation>
    </message>
    <message>
      <source>1 byte</source>
      <translation>1 Byte</translation>
    </message>
    <message>
      <source>{count} bytes</source>
      <translation>{count} Bytes</translation>
    </message>
    <message>
      <source>in 1 packet</source>
      <translation>in 1 Paket</translation>
    </message>
    <message>
      <source>in {count} packets</source>
      <translation>in {count} Paketen</translation>
    </message>
    <message>
      <source>6 GiB in a second, 64-bit counters</source>
      <translation>6 GiB in einer Sekunde, 64-Bit-Zähler</translation>
    </message>
    <message>
      <source>4 GiB + 1 since before, 64-bit counters</source>
      <translation>4 GiB + 1 seit vorher, 64-Bit-Zähler</translation>
    </message>
    <message>
      <source>1 MB across the end of a 32-bit counter</source>
      <translation>1 MB über das Ende eines 32-Bit-Zählers</translation>
    </message>
    <message>
      <source>rate engine</source>
      <translation>Ratenberechnung</translation>
    </message>
    <message>
      <source>no</source>
      <translation>nein</translation>
    </message>
    <message>
      <source>not known</source>
      <translation>nicht bekannt</translation>
    </message>
    <message>
      <source>no, the menu shows the same</source>
      <translation>nein, das Menü zeigt dasselbe</translation>
    </message>
    <message>
      <source>Xfce panel</source>
      <translation>Xfce-Leiste</translation>
    </message>
    <message>
      <source>LXQt panel</source>
      <translation>LXQt-Leiste</translation>
    </message>
    <message>
      <source>yes, read again at each hover</source>
      <translation>ja, bei jedem Überfahren neu gelesen</translation>
    </message>
    <message>
      <source>GNOME Shell with an extension</source>
      <translation>GNOME Shell mit einer Erweiterung</translation>
    </message>
    <message>
      <source>Cinnamon, MATE or Xfce with XApp</source>
      <translation>Cinnamon, MATE oder Xfce mit XApp</translation>
    </message>
    <message>
      <source>MATE panel</source>
      <translation>MATE-Leiste</translation>
    </message>
    <message>
      <source>Ayatana indicators</source>
      <translation>Ayatana-Indikatoren</translation>
    </message>
    <message>
      <source>tray, XEmbed</source>
      <translation>Infobereich, XEmbed</translation>
    </message>
    <message>
      <source>no icon: chosen in the settings</source>
      <translation>kein Symbol: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>XEmbed in a process of its own: chosen in the settings</source>
      <translation>XEmbed in einem eigenen Prozess: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>{name}: chosen in the settings</source>
      <translation>{name}: in den Einstellungen gewählt</translation>
    </message>
    <message>
      <source>session bus</source>
      <translation>Sitzungsbus</translation>
    </message>
    <message>
      <source>notifications</source>
      <translation>Benachrichtigungen</translation>
    </message>
    <message>
      <source>none: nobody owns {name}</source>
      <translation>keiner: {name} hat keinen Besitzer</translation>
    </message>
    <message>
      <source>tray, StatusNotifier</source>
      <translation>Infobereich, StatusNotifier</translation>
    </message>
    <message>
      <source>a process that cannot be examined</source>
      <translation>ein nicht einsehbarer Prozess</translation>
    </message>
    <message>
      <source>{name} ({process}, process {pid})</source>
      <translation>{name} ({process}, Prozess {pid})</translation>
    </message>
    <message>
      <source>{name} ({process}, process {pid}), no panel is running</source>
      <translation>{name} ({process}, Prozess {pid}), keine Leiste läuft</translation>
    </message>
    <message>
      <source>tooltip</source>
      <translation>Kurzinfo</translation>
    </message>
    <message>
      <source>text beside the icon</source>
      <translation>Text neben dem Symbol</translation>
    </message>
    <message>
      <source>a server is installed and started when needed</source>
      <translation>ein Dienst ist installiert und startet bei Bedarf</translation>
    </message>
    <message>
      <source>no server: only the icon reports faults</source>
      <translation>kein Dienst: nur das Symbol meldet Fehler</translation>
    </message>
    <message>
      <source>none: no desktop session here (ssh or a console?)</source>
      <translation>keiner: hier ist keine Desktop-Sitzung (SSH oder eine Konsole?)</translation>
    </message>
    <message>
      <source>there is one; used when no panel on the bus shows the icon</source>
      <translation>vorhanden; genutzt, wenn keine Leiste am Bus das Symbol zeigt</translation>
    </message>
    <message>
      <source>none</source>
      <translation>keiner</translation>
    </message>
    <message>
      <source>−{count} min</source>
      <translation>−{count} Min.</translation>
    </message>
    <message>
      <source>−{count} h</source>
      <translation>−{count} Std.</translation>
    </message>
    <message>
      <source>−{count} d</source>
      <translation>−{count} T.</translation>
    </message>
    <message>
      <source>now</source>
      <translation>jetzt</translation>
    </message>
    <message>
      <source>Protocol</source>
      <translation>Protokoll</translation>
    </message>
    <message>
      <source>Remote</source>
      <translation>Gegenstelle</translation>
    </message>
    <message>
      <source>State</source>
      <translation>Zustand</translation>
    </message>
    <message>
      <source>today</source>
      <translation>heute</translation>
    </message>
    <message>
      <source>Hosts since {time}</source>
      <translation>Hosts seit {time}</translation>
    </message>
    <message>
      <source>Hosts since yesterday {time}</source>
      <translation>Hosts seit gestern {time}</translation>
    </message>
    <message>
      <source>Other hosts together</source>
      <translation>Weitere Hosts zusammen</translation>
    </message>
    <message>
      <source>{count} hosts more, {amount}</source>
      <translation>{count} weitere Hosts, {amount}</translation>
    </message>
    <message>
      <source>Connections</source>
      <translation>Verbindungen</translation>
    </message>
    <message>
      <source>Connections of {name}</source>
      <translation>Verbindungen von {name}</translation>
    </message>
    <message>
      <source>No open connection</source>
      <translation>Keine offene Verbindung</translation>
    </message>
    <message>
      <source>Events</source>
      <translation>Ereignisse</translation>
    </message>
    <message>
      <source>Nothing happened yet</source>
      <translation>Noch ist nichts geschehen</translation>
    </message>
    <message>
      <source>Interface</source>
      <translation>Schnittstelle</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Gesamt</translation>
    </message>
    <message>
      <source>counted</source>
      <translation>gezählt</translation>
    </message>
    <message>
      <source>in {names}</source>
      <translation>in {names} enthalten</translation>
    </message>
    <message>
      <source>not counted</source>
      <translation>nicht gezählt</translation>
    </message>
    <message>
      <source>share of {column}</source>
      <translation>Anteil an {column}</translation>
    </message>
    <message>
      <source>Mon</source>
      <translation>Mo</translation>
    </message>
    <message>
      <source>Tue</source>
      <translation>Di</translation>
    </message>
    <message>
      <source>Wed</source>
      <translation>Mi</translation>
    </message>
    <message>
      <source>Thu</source>
      <translation>Do</translation>
    </message>
    <message>
      <source>Fri</source>
      <translation>Fr</translation>
    </message>
    <message>
      <source>Sat</source>
      <translation>Sa</translation>
    </message>
    <message>
      <source>Sun</source>
      <translation>So</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>Beenden</translation>
    </message>
    <message>
      <source>View</source>
      <translation>Ansicht</translation>
    </message>
    <message>
      <source>Range</source>
      <translation>Zeitraum</translation>
    </message>
    <message>
      <source>Row</source>
      <translation>Zeile</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>Einzelheiten</translation>
    </message>
    <message>
      <source>Sort</source>
      <translation>Sortieren</translation>
    </message>
    <message>
      <source>Filter</source>
      <translation>Filtern</translation>
    </message>
    <message>
      <source>Units</source>
      <translation>Einheiten</translation>
    </message>
    <message>
      <source>Freeze</source>
      <translation>Einfrieren</translation>
    </message>
    <message>
      <source>Help</source>
      <translation>Hilfe</translation>
    </message>
    <message>
      <source>Overview, connections, events</source>
      <translation>Übersicht, Verbindungen, Ereignisse</translation>
    </message>
    <message>
      <source>Range of the chart: 5 minutes to 30 days</source>
      <translation>Zeitraum des Diagramms: 5 Minuten bis 30 Tage</translation>
    </message>
    <message>
      <source>Select a row; also Page Up and Page Down, Home and End</source>
      <translation>Zeile wählen; auch Bild auf und ab, Pos1 und Ende</translation>
    </message>
    <message>
      <source>Amounts, hosts and connections of the selected app</source>
      <translation>Mengen, Hosts und Verbindungen der gewählten App</translation>
    </message>
    <message>
      <source>Back</source>
      <translation>Zurück</translation>
    </message>
    <message>
      <source>Sort by the next column; or click on its head</source>
      <translation>Nach der nächsten Spalte sortieren; oder auf ihren Kopf klicken</translation>
    </message>
    <message>
      <source>Show only rows with this text</source>
      <translation>Nur Zeilen mit diesem Text zeigen</translation>
    </message>
    <message>
      <source>Rates in bytes or bits per second</source>
      <translation>Raten in Bytes oder Bits je Sekunde</translation>
    </message>
    <message>
      <source>Freeze the display, or continue</source>
      <translation>Die Anzeige einfrieren oder weiterlaufen lassen</translation>
    </message>
    <message>
      <source>frozen</source>
      <translation>eingefroren</translation>
    </message>
    <message>
      <source>Measured by this program alone: no agent is running, nothing is recorded</source>
      <translation>Kein Agent läuft: hier gemessen, nichts wird aufgezeichnet</translation>
    </message>
    <message>
      <source>The agent is of another version. Quit and start it again.</source>
      <translation>Der Agent ist von einer anderen Version. Ihn beenden und neu starten.</translation>
    </message>
    <message>
      <source>The agent does not answer. Still waiting.</source>
      <translation>Der Agent antwortet nicht. Es wird weiter gewartet.</translation>
    </message>
    <message>
      <source>Waiting for the agent</source>
      <translation>Warten auf den Agenten</translation>
    </message>
    <message>
      <source>Keys</source>
      <translation>Tasten</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>of {amount}</source>
      <translation>von {amount}</translation>
    </message>
    <message>
      <source>≈ {amount} by {day}</source>
      <translation>≈ {amount} bis {day}</translation>
    </message>
    <message>
      <source>1 alert</source>
      <translation>1 Alarm</translation>
    </message>
    <message>
      <source>{count} alerts</source>
      <translation>{count} Alarme</translation>
    </message>
    <message>
      <source>Filter: </source>
      <translation>Suche: </translation>
    </message>
    <message>
      <source>Enter keeps it, Esc shows all</source>
      <translation>Enter behält sie, Esc zeigt alle</translation>
    </message>
    <message>
      <source>No row matches “{words}”. Esc shows all.</source>
      <translation>Keine Zeile passt zu „{words}“. Esc zeigt alle.</translation>
    </message>
    <message>
      <source>Waiting for the first reading</source>
      <translation>Warten auf die erste Messung</translation>
    </message>
    <message>
      <source>since {day}</source>
      <translation>seit {day}</translation>
    </message>
  </context>
  <context>
    <name>Time</name>
    <message>
      <source>dddd d MMMM</source>
      <translation>dddd, d. MMMM</translation>
    </message>
    <message>
      <source>d MMM</source>
      <translation>d. MMM</translation>
    </message>
    <message>
      <source>d MMMM</source>
      <translation>d. MMMM</translation>
    </message>
    <message>
      <source>{weekday}, {date}</source>
      <translation>{weekday}, {date}</translation>
    </message>
    <message>
      <source>{count} d</source>
      <translation>{count} T</translation>
    </message>
    <message>
      <source>{count} h</source>
      <translation>{count} h</translation>
    </message>
    <message>
      <source>{count} min</source>
      <translation>{count} min</translation>
    </message>
    <message>
      <source>{count} s</source>
      <translation>{count} s</translation>
    </message>
  </context>
  <context>
    <name>Tray</name>
    <message>
      <source>Show</source>
      <translation>Anzeigen</translation>
    </message>
    <message>
      <source>Mute</source>
      <translation>Stummschalten</translation>
    </message>
    <message>
      <source>Open NetWatch</source>
      <translation>NetWatch öffnen</translation>
    </message>
    <message>
      <source>Bytes per second (kB/s, MB/s)</source>
      <translation>Bytes je Sekunde (kB/s, MB/s)</translation>
    </message>
    <message>
      <source>Bits per second (kbit/s, Mbit/s)</source>
      <translation>Bits je Sekunde (kbit/s, Mbit/s)</translation>
    </message>
    <message>
      <source>Bytes in steps of 1024 (KiB/s, MiB/s)</source>
      <translation>Bytes in Schritten von 1024 (KiB/s, MiB/s)</translation>
    </message>
    <message>
      <source>Bits in steps of 1024 (Kibit/s, Mibit/s)</source>
      <translation>Bits in Schritten von 1024 (Kibit/s, Mibit/s)</translation>
    </message>
    <message>
      <source>Busiest apps</source>
      <translation>Aktivste Apps</translation>
    </message>
    <message>
      <source>Pause</source>
      <translation>Anhalten</translation>
    </message>
    <message>
      <source>Rates of</source>
      <translation>Raten von</translation>
    </message>
    <message>
      <source>More</source>
      <translation>Mehr</translation>
    </message>
    <message>
      <source>Settings…</source>
      <translation>Einstellungen…</translation>
    </message>
    <message>
      <source>Quit NetWatch</source>
      <translation>NetWatch beenden</translation>
    </message>
    <message>
      <source>Text beside the icon</source>
      <translation>Text neben dem Symbol</translation>
    </message>
    <message>
      <source>Start at login</source>
      <translation>Bei der Anmeldung starten</translation>
    </message>
    <message>
      <source>Mini window</source>
      <translation>Minifenster</translation>
    </message>
    <message>
      <source>Diagnose…</source>
      <translation>Diagnose…</translation>
    </message>
    <message>
      <source>Upload: {state}</source>
      <translation>Hochladen: {state}</translation>
    </message>
    <message>
      <source>No app with measured traffic</source>
      <translation>Keine App mit gemessenem Verkehr</translation>
    </message>
    <message>
      <source>All uplinks (automatic)</source>
      <translation>Alle Uplinks (automatisch)</translation>
    </message>
    <message>
      <source>{choice} · set by your administrator</source>
      <translation>{choice} · vom Administrator festgelegt</translation>
    </message>
    <message>
      <source>NetWatch is paused</source>
      <translation>NetWatch ist angehalten</translation>
    </message>
    <message>
      <source>No rates are measured until you resume</source>
      <translation>Bis zum Fortsetzen werden keine Raten gemessen</translation>
    </message>
    <message>
      <source>NetWatch cannot measure</source>
      <translation>NetWatch kann nicht messen</translation>
    </message>
    <message>
      <source>The counters could not be read; NetWatch tries again every second</source>
      <translation>Die Zähler waren nicht lesbar; NetWatch versucht es jede Sekunde wieder</translation>
    </message>
    <message>
      <source>Waiting for the first rates</source>
      <translation>Warten auf die ersten Raten</translation>
    </message>
    <message>
      <source>No rates for a moment: {reason}</source>
      <translation>Kurz keine Raten: {reason}</translation>
    </message>
    <message>
      <source>{name} only, as chosen</source>
      <translation>Nur {name}, wie gewählt</translation>
    </message>
    <message>
      <source>{name} is not connected</source>
      <translation>{name} ist nicht verbunden</translation>
    </message>
    <message>
      <source>There is no {name} now</source>
      <translation>{name} gibt es gerade nicht</translation>
    </message>
    <message>
      <source>no data</source>
      <translation>keine Daten</translation>
    </message>
    <message>
      <source>paused</source>
      <translation>angehalten</translation>
    </message>
    <message>
      <source>offline</source>
      <translation>offline</translation>
    </message>
    <message>
      <source>{used} of {cap}</source>
      <translation>{used} von {cap}</translation>
    </message>
    <message>
      <source>Today {today} · this month {used}</source>
      <translation>Heute {today} · dieser Monat {used}</translation>
    </message>
    <message>
      <source>Today {today} · {month} {used}</source>
      <translation>Heute {today} · {month} {used}</translation>
    </message>
    <message>
      <source>Today {today} · since {day} {month} {used}</source>
      <translation>Heute {today} · seit {day}. {month} {used}</translation>
    </message>
    <message>
      <source>Offline: {reason}</source>
      <translation>Offline: {reason}</translation>
    </message>
    <message>
      <source>{name} only</source>
      <translation>Nur {name}</translation>
    </message>
    <message>
      <source>this computer has no network interface</source>
      <translation>dieser Rechner hat keine Netzwerkschnittstelle</translation>
    </message>
    <message>
      <source>{names} are not connected</source>
      <translation>{names} sind nicht verbunden</translation>
    </message>
    <message>
      <source>{name} is up, but left out of the total</source>
      <translation>{name} ist aktiv, zählt aber nicht zur Summe</translation>
    </message>
    <message>
      <source>{names} are up, but left out of the total</source>
      <translation>{names} sind aktiv, zählen aber nicht zur Summe</translation>
    </message>
  </context>
  <context>
    <name>UploadChart</name>
    <message>
      <source>Sent a day</source>
      <translation>Gesendet am Tag</translation>
    </message>
    <message>
      <source>{arrow} a day</source>
      <translation>{arrow} am Tag</translation>
    </message>
    <message>
      <source>today</source>
      <translation>heute</translation>
    </message>
    <message>
      <source>usual {amount}</source>
      <translation>üblich {amount}</translation>
    </message>
  </context>
  <context>
    <name>UploadSettings</name>
    <message>
      <source>Send measurements</source>
      <translation>Messungen senden</translation>
    </message>
    <message>
      <source>Server</source>
      <translation>Server</translation>
    </message>
    <message>
      <source>API key</source>
      <translation>API-Schlüssel</translation>
    </message>
    <message>
      <source>paste it here</source>
      <translation>hier einfügen</translation>
    </message>
    <message>
      <source>Save key</source>
      <translation>Schlüssel speichern</translation>
    </message>
    <message>
      <source>Show</source>
      <translation>Zeigen</translation>
    </message>
    <message>
      <source>Exactly what is sent</source>
      <translation>Genau das wird gesendet</translation>
    </message>
    <message>
      <source>Send to an OpenTelemetry collector</source>
      <translation>An einen OpenTelemetry-Collector senden</translation>
    </message>
    <message>
      <source>Collector</source>
      <translation>Collector</translation>
    </message>
    <message>
      <source>For OTLP over HTTP. Level, headers and certificates are in the settings file.</source>
      <translation>Für OTLP über HTTP. Stufe, Header und Zertifikate stehen in der Einstellungsdatei.</translation>
    </message>
    <message>
      <source>NetWatch Cloud, or one of your own.</source>
      <translation>NetWatch Cloud oder ein eigener.</translation>
    </message>
    <message>
      <source>On; its state is not known at the moment.</source>
      <translation>An; der Zustand ist im Augenblick nicht bekannt.</translation>
    </message>
    <message>
      <source>Off: nothing is sent to a NetWatch server.</source>
      <translation>Aus: An einen NetWatch-Server wird nichts gesendet.</translation>
    </message>
    <message>
      <source>Off: nothing leaves this computer.</source>
      <translation>Aus: nichts verlässt diesen Rechner.</translation>
    </message>
    <message>
      <source>Off. Metrics and, at its level, events as log records.</source>
      <translation>Aus. Metriken und, auf ihrer Stufe, Ereignisse als Log-Einträge.</translation>
    </message>
    <message>
      <source>Saving …</source>
      <translation>Wird gespeichert …</translation>
    </message>
    <message>
      <source>The key is saved.</source>
      <translation>Der Schlüssel ist gespeichert.</translation>
    </message>
    <message>
      <source>The key is saved. Nothing is sent until you turn sending on above.</source>
      <translation>Der Schlüssel ist gespeichert. Nichts wird gesendet, bis Sie es oben einschalten.</translation>
    </message>
    <message>
      <source>Measuring for 2 seconds …</source>
      <translation>2 Sekunden wird gemessen …</translation>
    </message>
    <message>
      <source>Hide</source>
      <translation>Verbergen</translation>
    </message>
    <message>
      <source>{size}, measured just now as it is for sending; nothing was sent.</source>
      <translation>{size}, eben gemessen wie zum Senden; gesendet wurde nichts.</translation>
    </message>
    <message>
      <source>Kept in the system's keyring or in a file that only you may read.</source>
      <translation>Liegt im Schlüsselbund des Systems oder in einer Datei, die nur Sie lesen dürfen.</translation>
    </message>
    <message>
      <source>Measures for 2 seconds and shows the exact text; nothing is sent.</source>
      <translation>Misst 2 Sekunden lang und zeigt genau den Text; gesendet wird nichts.</translation>
    </message>
    <message>
      <source>Rates only</source>
      <translation>Nur Raten</translation>
    </message>
    <message>
      <source>Counters and rates of the counted interfaces, with name, system and processor of this computer. No app, no address of others.</source>
      <translation>Zähler und Raten der gezählten Schnittstellen, mit Name, System und Prozessor dieses Rechners. Keine App, keine Adresse anderer.</translation>
    </message>
    <message>
      <source>Rates and system</source>
      <translation>Raten und System</translation>
    </message>
    <message>
      <source>Adds connection counts, processor, memory and disks, and round trips to gateway and DNS server.</source>
      <translation>Dazu Zahlen der Verbindungen, Prozessor, Speicher und Platten und Umlaufzeiten zu Gateway und DNS-Server.</translation>
    </message>
    <message>
      <source>Rates, system and apps</source>
      <translation>Raten, System und Apps</translation>
    </message>
    <message>
      <source>Adds the processes that use the network, with their users.</source>
      <translation>Dazu die Prozesse, die das Netz benutzen, mit ihren Benutzern.</translation>
    </message>
    <message>
      <source>Rates, system, apps and connections</source>
      <translation>Raten, System, Apps und Verbindungen</translation>
    </message>
    <message>
      <source>Adds the connections with both addresses.</source>
      <translation>Dazu die Verbindungen mit beiden Adressen.</translation>
    </message>
    <message>
      <source>Everything</source>
      <translation>Alles</translation>
    </message>
    <message>
      <source>Adds alerts with the app and its numbers, and counts of DNS. No names of hosts.</source>
      <translation>Dazu Alarme mit der App und ihren Zahlen, und Zählungen von DNS. Keine Namen von Hosts.</translation>
    </message>
  </context>
  <context>
    <name>Usage</name>
    <message>
      <source>Used today</source>
      <translation>Heute verbraucht</translation>
    </message>
    <message>
      <source>Allowance a day</source>
      <translation>Pro Tag übrig</translation>
    </message>
    <message>
      <source>Nothing left</source>
      <translation>Nichts mehr übrig</translation>
    </message>
    <message>
      <source>Average of {count} days</source>
      <translation>Schnitt von {count} Tagen</translation>
    </message>
    <message>
      <source>Busiest: {day}</source>
      <translation>Meiste: {day}</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>Heute</translation>
    </message>
    <message>
      <source>In these days</source>
      <translation>In diesen Tagen</translation>
    </message>
    <message>
      <source>Apps</source>
      <translation>Apps</translation>
    </message>
    <message>
      <source>Networks</source>
      <translation>Netze</translation>
    </message>
    <message>
      <source>Counter</source>
      <translation>Zähler</translation>
    </message>
    <message>
      <source>Earlier weeks</source>
      <translation>Frühere Wochen</translation>
    </message>
    <message>
      <source>Earlier periods</source>
      <translation>Frühere Zeiträume</translation>
    </message>
    <message>
      <source>Earlier months</source>
      <translation>Frühere Monate</translation>
    </message>
    <message>
      <source>{over} of {count}</source>
      <translation>{over} von {count}</translation>
    </message>
    <message>
      <source>Over the cap</source>
      <translation>Über der Grenze</translation>
    </message>
    <message>
      <source>Average</source>
      <translation>Schnitt</translation>
    </message>
    <message>
      <source>Saturdays and Sundays</source>
      <translation>Samstage und Sonntage</translation>
    </message>
    <message>
      <source>This year</source>
      <translation>Dieses Jahr</translation>
    </message>
    <message>
      <source>In this year</source>
      <translation>In diesem Jahr</translation>
    </message>
    <message>
      <source>Periods of the plan</source>
      <translation>Zeiträume des Tarifs</translation>
    </message>
    <message>
      <source>Billing months</source>
      <translation>Abrechnungsmonate</translation>
    </message>
    <message>
      <source>{count} more apps</source>
      <translation>weitere Apps: {count}</translation>
    </message>
    <message>
      <source>Not of any app</source>
      <translation>Zu keiner App</translation>
    </message>
    <message>
      <source>{kind} {number}</source>
      <translation>{kind} {number}</translation>
    </message>
    <message>
      <source>{network}, metered</source>
      <translation>{network}, getaktet</translation>
    </message>
    <message>
      <source>Since {moment}</source>
      <translation>Seit {moment}</translation>
    </message>
    <message>
      <source>of {cap}</source>
      <translation>von {cap}</translation>
    </message>
    <message>
      <source>this week</source>
      <translation>diese Woche</translation>
    </message>
    <message>
      <source>in {month}</source>
      <translation>in {month}</translation>
    </message>
    <message>
      <source>{words} on metered networks</source>
      <translation>{words} in getakteten Netzen</translation>
    </message>
    <message>
      <source>{words}, Internet only</source>
      <translation>{words}, nur Internet</translation>
    </message>
    <message>
      <source>{words} on {network}</source>
      <translation>{words} im Netz {network}</translation>
    </message>
    <message>
      <source>{words} since {moment}</source>
      <translation>{words} seit {moment}</translation>
    </message>
    <message>
      <source>{over} over the cap.</source>
      <translation>{over} über der Grenze.</translation>
    </message>
    <message>
      <source>{left} left. {allowance} a day keeps you under the cap until {last}.</source>
      <translation>{left} übrig. Mit {allowance} am Tag bleiben Sie bis {last} unter der Grenze.</translation>
    </message>
    <message>
      <source>{left} were left.</source>
      <translation>{left} blieben übrig.</translation>
    </message>
    <message>
      <source>At this pace ≈ {amount} by {last}.</source>
      <translation>Bei diesem Tempo ≈ {amount} bis {last}.</translation>
    </message>
    <message>
      <source>Busiest day: {day}, {amount}.</source>
      <translation>Stärkster Tag: {day}, {amount}.</translation>
    </message>
    <message>
      <source>An average day has {amount}.</source>
      <translation>Ein Tag hat im Schnitt {amount}.</translation>
    </message>
    <message>
      <source>{used} of {cap}</source>
      <translation>{used} von {cap}</translation>
    </message>
    <message>
      <source>{words}, ≈ {amount} by {last}</source>
      <translation>{words}, ≈ {amount} bis {last}</translation>
    </message>
    <message>
      <source>Some bytes are missing: the counters were reset while nothing was measured.</source>
      <translation>Einige Bytes fehlen: die Zähler wurden zurückgesetzt, während nichts gemessen wurde.</translation>
    </message>
    <message>
      <source>{count} days are not known.</source>
      <translation>{count} Tage sind nicht bekannt.</translation>
    </message>
    <message>
      <source>{first} and {last} are not known.</source>
      <translation>{first} und {last} sind nicht bekannt.</translation>
    </message>
    <message>
      <source>{days} are not known.</source>
      <translation>{days} sind nicht bekannt.</translation>
    </message>
    <message>
      <source>{day} is not known.</source>
      <translation>Der {day} ist nicht bekannt.</translation>
    </message>
  </context>
  <context>
    <name>UsageBody</name>
    <message>
      <source>Per day</source>
      <translation>Je Tag</translation>
    </message>
    <message>
      <source>today</source>
      <translation>heute</translation>
    </message>
  </context>
  <context>
    <name>UsageChart</name>
    <message>
      <source>choose a day to see its hours and apps</source>
      <translation>wählen Sie einen Tag, um seine Stunden und Apps zu sehen</translation>
    </message>
    <message>
      <source>Used so far</source>
      <translation>Bisher verbraucht</translation>
    </message>
    <message>
      <source>{amount} a day</source>
      <translation>{amount} am Tag</translation>
    </message>
    <message>
      <source>allowance</source>
      <translation>erlaubt</translation>
    </message>
    <message>
      <source>at this pace</source>
      <translation>bei diesem Tempo</translation>
    </message>
    <message>
      <source>cap {amount}</source>
      <translation>Grenze {amount}</translation>
    </message>
    <message>
      <source>{day}: nothing recorded</source>
      <translation>{day}: nichts aufgezeichnet</translation>
    </message>
    <message>
      <source>together</source>
      <translation>zusammen</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>Download</translation>
    </message>
    <message>
      <source>Upload</source>
      <translation>Upload</translation>
    </message>
  </context>
  <context>
    <name>UsagePage</name>
    <message>
      <source>Reading the history …</source>
      <translation>Der Verlauf wird gelesen …</translation>
    </message>
    <message>
      <source>There is no history</source>
      <translation>Es gibt keinen Verlauf</translation>
    </message>
    <message>
      <source>Days in local time</source>
      <translation>Tage in Ortszeit</translation>
    </message>
    <message>
      <source>Updated {time}</source>
      <translation>Stand {time}</translation>
    </message>
    <message>
      <source>Left and Right choose a day, Escape goes back</source>
      <translation>Links und Rechts wählen einen Tag, Escape führt zurück</translation>
    </message>
    <message>
      <source>Measured on this computer, your provider may count differently</source>
      <translation>Auf diesem Rechner gemessen, Ihr Anbieter zählt vielleicht anders</translation>
    </message>
    <message>
      <source>Days appear here as they are measured.</source>
      <translation>Tage erscheinen hier, sobald sie gemessen sind.</translation>
    </message>
    <message>
      <source>Nothing was recorded in this period</source>
      <translation>In diesem Zeitraum wurde nichts aufgezeichnet</translation>
    </message>
  </context>
  <context>
    <name>UsagePane</name>
    <message>
      <source>Measured on this computer. Your provider may count differently.</source>
      <translation>Auf diesem Rechner gemessen. Ihr Anbieter zählt vielleicht anders.</translation>
    </message>
  </context>
  <context>
    <name>WhyTotal</name>
    <message>
      <source>Why this total</source>
      <translation>Warum diese Summe</translation>
    </message>
    <message>
      <source>Counting what passes through another interface would count it twice.</source>
      <translation>Was durch eine andere Schnittstelle geht, würde sonst doppelt gezählt.</translation>
    </message>
    <message>
      <source>Choose what is counted</source>
      <translation>Auswählen, was zählt</translation>
    </message>
    <message>
      <source>{name}, over {names}</source>
      <translation>{name}, über {names}</translation>
    </message>
    <message>
      <source>Total</source>
      <translation>Summe</translation>
    </message>
  </context>
  <context>
    <name>_Commands</name>
    <message>
      <source>Copy</source>
      <translation>Kopieren</translation>
    </message>
    <message>
      <source>Copy the commands: {name}</source>
      <translation>Befehle kopieren: {name}</translation>
    </message>
  </context>
  <context>
    <name>_RateSparkline</name>
    <message>
      <source>The last minute, download above upload</source>
      <translation>Die letzte Minute, Download über Upload</translation>
    </message>
    <message>
      <source>The last minute, since these details were opened</source>
      <translation>Die letzte Minute, seit diese Einzelheiten offen sind</translation>
    </message>
    <message>
      <source>now</source>
      <translation>jetzt</translation>
    </message>
  </context>
  <context>
    <name>_Rows</name>
    <message>
      <source>Hosts</source>
      <translation>Hosts</translation>
    </message>
    <message>
      <source>Hosts since {time}</source>
      <translation>Hosts seit {time}</translation>
    </message>
    <message>
      <source>Hosts since yesterday {time}</source>
      <translation>Hosts seit gestern {time}</translation>
    </message>
    <message>
      <source>Other hosts together</source>
      <translation>Weitere Hosts zusammen</translation>
    </message>
    <message>
      <source>Name from {origin}</source>
      <translation>Name aus {origin}</translation>
    </message>
    <message>
      <source>Last data at {time}</source>
      <translation>Letzte Daten um {time}</translation>
    </message>
  </context>
</TS>
