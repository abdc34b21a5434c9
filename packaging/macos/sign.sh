#!/bin/sh
# Signs the frozen application, puts it into a disk image, and has Apple notarise that.
#
#   packaging/macos/sign.sh "dist/NetWatch Tray.app" dist/NetWatch-Tray.dmg
#
# Without an identity the signature is ad hoc: enough for the Mac that built it; other Macs ask the person first.
#   SIGN_IDENTITY   "Developer ID Application: NAME (TEAM)" in the keychain
#   NOTARY_PROFILE  what `xcrun notarytool store-credentials` saved; without it nothing is sent to Apple
set -eu

app=$1
image=$2
identity=${SIGN_IDENTITY:--}
here=$(cd "$(dirname "$0")" && pwd)

if [ "$identity" = - ]; then
    codesign --force --deep --sign - "$app"
else
    # From the inside out: a signature covers what it contains.
    find "$app/Contents" -type f \( -name '*.dylib' -o -name '*.so' -o -path '*/MacOS/*' \) -print0 |
        xargs -0 codesign --force --timestamp --options runtime --entitlements "$here/entitlements.plist" \
            --sign "$identity"
    find "$app/Contents" -depth -type d -name '*.framework' -exec \
        codesign --force --timestamp --options runtime --sign "$identity" {} \;
    codesign --force --timestamp --options runtime --entitlements "$here/entitlements.plist" --sign "$identity" "$app"
fi
codesign --verify --deep --strict --verbose=2 "$app"

staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
cp -R "$app" "$staged/"
ln -s /Applications "$staged/Applications"
rm -f "$image"
hdiutil create -volname "NetWatch Tray" -srcfolder "$staged" -format UDZO -fs HFS+ "$image"
if [ "$identity" != - ]; then
    codesign --force --timestamp --sign "$identity" "$image"
fi

if [ -n "${NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$image"
    spctl --assess --type open --context context:primary-signature --verbose=2 "$image"
fi
